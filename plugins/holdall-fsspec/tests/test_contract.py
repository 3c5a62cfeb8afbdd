"""The storage contract, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.testing.storage import StorageContract
from holdall_fsspec import FsspecFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestMemory(StorageContract):
    """fsspec's memory lives in one process."""

    shared_between_processes = False

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[FsspecFileSystem]:
        block = FsspecFileSystem(basepath=f"memory://{tmp_path.name}")
        yield block
        block.client.store.clear()
