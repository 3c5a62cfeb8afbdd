"""The wrappers that misbehave do so as they say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.directory import Directory
from holdall.errors import StorageError
from holdall.testing.faults import FlakyStorage, SlowStorage

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
