"""Blocks on the server that the tests start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall_gcs import GCS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.gcs import FakeGCS


@pytest.fixture
def make(fake_gcs: FakeGCS) -> Callable[..., GCS]:
    """A block on the server."""

    def block(bucket_path: str, **fields: object) -> GCS:
        return GCS(bucket_path=bucket_path, **{"endpoint_url": fake_gcs.endpoint_url, **fields})

    return block


@pytest.fixture
def bucket(fake_gcs: FakeGCS) -> str:
    """An empty bucket on the server."""
    return fake_gcs.new_bucket()


@pytest.fixture
def block(bucket: str, make: Callable[..., GCS]) -> GCS:
    """A block below a prefix of an empty bucket."""
    return make(f"{bucket}/some/prefix")
