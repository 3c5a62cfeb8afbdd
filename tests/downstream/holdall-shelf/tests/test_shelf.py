"""The contract of every storage, and what is the shelf's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, ClassVar

import pytest
from holdall_shelf import Shelf

from holdall.errors import StorageError
from holdall.testing.storage import StorageContract

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.abc import Storage


class TestShelf(StorageContract):
    """All of the contract."""

    several_requests: ClassVar[int] = 9 << 20  # three pieces

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Shelf:
        return Shelf(path=str(tmp_path / "shelf.db"))

    def unreachable(self) -> Shelf:
        return Shelf(path="/nowhere/shelf.db")

    def debris(self, storage: Storage, /) -> list[str]:
        with closing(sqlite3.connect(storage.location()["path"])) as database:
            asked = "SELECT DISTINCT version FROM piece WHERE version NOT IN (SELECT version FROM object)"
            return [version for (version,) in database.execute(asked)]


def test_a_url_is_a_path() -> None:
    """What follows the `://`, absolute or not."""
    assert Shelf(path="/data/shelf.db") == Shelf.from_url("shelf:///data/shelf.db")
    assert Shelf(path="shelf.db") == Shelf.from_url("shelf://shelf.db")


def test_a_relative_path_is_taken_from_the_run() -> None:
    """And an absolute one from nowhere."""
    assert Shelf(path="/run/shelf.db") == Shelf(path="shelf.db").resolved("/run")
    assert Shelf(path="/shelf.db") == Shelf(path="/shelf.db").resolved("/run")


def test_a_file_that_is_no_shelf_is_an_error(tmp_path: Path) -> None:
    """And says which."""
    (tmp_path / "letter.txt").write_text("Dear all, this is no database, and long enough to be taken for one." * 20)

    with pytest.raises(StorageError, match=r"get of 'k' in shelf at .*letter\.txt failed: file is not a database"):
        Shelf(path=str(tmp_path / "letter.txt")).get("k")
