"""The fixtures: one server of each kind a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.azure import Azurite
from tests.services.s3 import Moto, SeaweedFS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.s3 import S3Server


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that refuses, races and persists as a real one does."""
    with SeaweedFS.running(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A second S3 server of another make; without races."""
    with Moto.running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An Azure storage account, on Microsoft's own emulator."""
    with Azurite.running(tmp_path_factory.mktemp("azurite")) as server:
        yield server
