"""The storage contract: in memory, and on a real SFTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.process import free_ports
from tests.services.sftp import USER

from holdall.testing.storage import StorageContract
from holdall_fsspec import FsspecFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.sftp import SFTP


class TestMemory(StorageContract):
    """fsspec's memory lives in one process."""

    shared_between_processes = False

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[FsspecFileSystem]:
        block = FsspecFileSystem(basepath=f"memory://{tmp_path.name}")
        yield block
        block.client.store.clear()


@pytest.mark.services
class TestSFTP(StorageContract):
    """An SSH server in Python is slow, so the sizes are modest."""

    creates = False
    largest = 12 << 20
    several_requests = 9 << 20
    scan_count = 300
    overwrites = 20
    sizes = (0, 1, 8192, 65_537)

    @pytest.fixture
    def storage(self, sftp: SFTP, tmp_path: Path) -> Iterator[FsspecFileSystem]:
        """With a key in a file, which a pickled block finds again; a password it leaves behind."""
        block = FsspecFileSystem(
            basepath=f"sftp://{USER}@127.0.0.1:{sftp.port}/{tmp_path.name}",
            settings={"key_filename": str(sftp.key_file), "look_for_keys": False, "allow_agent": False},
        )
        yield block
        block.close()

    def unreachable(self) -> FsspecFileSystem:
        (port,) = free_ports(1)
        return FsspecFileSystem(basepath=f"sftp://{USER}@127.0.0.1:{port}/x", max_attempts=1)
