"""Fixtures of servers, one of each kind for a session.

Each imports its own module: where the core is tested alone, what they stand on is not installed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.azure import Azurite
    from tests.services.gcs import FakeGCS
    from tests.services.s3 import S3Server
    from tests.services.sftp import SFTP


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that refuses, races and persists as a real one does."""
    from tests.services.s3 import SeaweedFS

    with SeaweedFS.running(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A second S3 server of another make; without races."""
    from tests.services.s3 import Moto

    with Moto.running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def given_s3() -> Iterator[S3Server]:
    """The S3 server that the environment names, of whatever make."""
    from tests.services.s3 import GivenS3

    server = GivenS3.named(os.environ)
    assert server is not None, "HOLDALL_TEST_S3_ENDPOINT_URL and its like name no server"
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def juicefs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that ignores the condition of a conditional write."""
    from tests.services.juicefs import JuiceFS

    with JuiceFS.running(tmp_path_factory.mktemp("juicefs")) as server:
        yield server


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SFTP]:
    """An SSH server for files, over an empty folder."""
    from tests.services.sftp import SFTP

    with SFTP.running(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGCS]:
    """A server that speaks as Google Cloud Storage does."""
    from tests.services.gcs import FakeGCS

    with FakeGCS.running(tmp_path_factory.mktemp("fake-gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An Azure storage account, on Microsoft's own emulator."""
    from tests.services.azure import Azurite

    with Azurite.running(tmp_path_factory.mktemp("azurite")) as server:
        yield server
