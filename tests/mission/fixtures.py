"""A world for a test: nested folders, a catalog of its own and, where it asks for one, `s3/prod` on a real server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.mission.world import BUCKET, World

from holdall import blocks
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.settings import current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.s3 import S3Server


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """No server: for what stays on this machine."""
    directory = tmp_path / "deep" / "down" / "here"
    directory.mkdir(parents=True)
    home = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("HOLDALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDALL_HOME", str(home))
    monkeypatch.chdir(directory)
    yield World(directory=directory, home=home)
    monkeypatch.setenv("HOLDALL_HOME", str(home))
    catalog = open_catalog(current())
    recorder_for(catalog).close()
    catalog.close()


@pytest.fixture(scope="session")
def bucket_server(seaweedfs: S3Server) -> S3Server:
    """The server with the bucket that the examples name."""
    seaweedfs.new_bucket(BUCKET)
    return seaweedfs


@pytest.fixture(scope="session")
def s3_client(bucket_server: S3Server) -> Any:
    """One client to look with, as each new one costs more than most tests."""
    return bucket_server.client()


@pytest.fixture
def s3_world(world: World, bucket_server: S3Server, s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The standard variables point at a real server, and `s3/prod` is saved."""
    from holdall.filesystems import S3

    for name, value in bucket_server.environment().items():
        monkeypatch.setenv(name, value)
    S3(bucket_path=f"{BUCKET}/prod").save("prod")
    found = World(directory=world.directory, home=world.home, s3=s3_client)
    found.empty_bucket()
    yield found
    blocks.undefine("s3/prod")
