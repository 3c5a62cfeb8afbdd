"""The wrappers that misbehave do so as they say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.local.directory import Directory
from holdall.errors import StorageError
from holdall.testing.faults import FaultyStorage, FlakyStorage, Meanwhile, SlowStorage

if TYPE_CHECKING:
    from pathlib import Path


def test_a_flaky_storage_fails_as_often_as_told(tmp_path: Path) -> None:
    """The first calls fail with a transient error, the next one works."""
    storage = FlakyStorage(Directory(str(tmp_path)), failures=2)
    for operation in (lambda: storage.put("object", [b"x"]), lambda: storage.get("object")):
        with pytest.raises(StorageError) as caught:
            operation()

        assert caught.value.transient
    storage.put("object", [b"x"])

    assert storage.get("object") == b"x"


def test_a_flaky_put_has_read_its_parts(tmp_path: Path) -> None:
    """Who repeats a failed put with the same generator finds it empty, as in life."""
    storage = FlakyStorage(Directory(str(tmp_path)), failures=1)
    parts = iter([b"x"])
    with pytest.raises(StorageError, match="cut on purpose"):
        storage.put("object", parts)

    assert list(parts) == []


def test_a_slow_storage_takes_its_time(tmp_path: Path) -> None:
    """Each call takes at least the delay."""
    storage = SlowStorage(Directory(str(tmp_path)), delay=0.02)
    start = time.monotonic()
    storage.put("object", [b"x"])
    storage.get("object")

    assert time.monotonic() - start >= 0.04


def test_something_happens_right_before_an_operation_once(tmp_path: Path) -> None:
    """After as many calls as are to pass, and for keys that begin so."""
    inner = Directory(str(tmp_path))
    inner.put("a/k", [b"old"])
    storage = Meanwhile(inner, "get", lambda: inner.put("a/k", [b"new"]), key="a/", skip=1)
    storage.put("b", [b"x"])

    assert [b"x", b"old"] == [storage.get("b"), storage.get("a/k")]
    assert not storage.happened
    assert [b"new", b"new"] == [storage.get("a/k"), storage.get("a/k")]
    assert storage.happened


def test_a_deletion_that_fails_fails_on_condition_too(tmp_path: Path) -> None:
    """Wrappers that spoil `delete` alone were written before there were two."""

    class Undeletable(FaultyStorage):
        def delete(self, key: str, /) -> None:
            raise StorageError("read only", block="faulty", key=key, operation="delete")

    inner = Directory(str(tmp_path))
    inner.put("k", [b"x"])
    storage = Undeletable(inner)

    with pytest.raises(StorageError, match="read only"):
        storage.delete_unchanged(storage.head("k"))
    assert inner.exists("k")
