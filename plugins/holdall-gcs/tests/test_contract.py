"""The storage contract, on fake-gcs-server."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.services.process import free_ports

from holdall.testing.storage import StorageContract
from holdall_gcs import GCS

if TYPE_CHECKING:
    from holdall.abc import Storage


@pytest.mark.services
class TestGCS(StorageContract):
    """A prefix in a bucket of its own for each test."""

    scan_count: ClassVar[int] = 1_050  # a page has a thousand
    largest: ClassVar[int] = 128 << 20  # the server sums up all that it has anew with each request of an upload
    overwrites: ClassVar[int] = 20
    sweeps: ClassVar[bool] = False  # what is unfinished, Google forgets by itself

    @pytest.fixture
    def storage(self, block: GCS) -> GCS:
        return block

    def unreachable(self) -> GCS:
        (port,) = free_ports(1)
        return GCS(bucket_path="bucket", endpoint_url=f"http://127.0.0.1:{port}", max_attempts=1)

    def without_container(self, storage: Storage, /) -> GCS:
        assert isinstance(storage, GCS)
        return storage.model_copy(update={"bucket_path": "holdall-test-none/prefix"})
