"""Checks of storages: what is well, what lies, what refuses; and nothing stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from holdall import StorageError
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.storage import check as checking
from holdall.testing.faults import AlwaysAbsent, FaultyStorage, FlakyStorage, LostWrite, ShortRead, WrongError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.abc import Storage
    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    storage = MemoryFileSystem(namespace="checking")
    yield storage
    storage.clear()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a dictionary is interests nobody."""
    monkeypatch.setattr(checking, "_SIZES", (1 << 10, 1 << 13))


def outcomes(storage: Storage) -> dict[str, str]:
    return {each.check: each.outcome for each in checking.check(storage)}


def told(storage: Storage, check: str) -> str:
    return next(each.message for each in checking.check(storage) if each.check == check)


ALL_WELL = dict.fromkeys(checking.CHECKS, "ok")


def test_all_is_well_in_memory_and_in_a_folder(memory: MemoryFileSystem, tmp_path: Path) -> None:
    """Each check in order, and no object and no folder is left."""
    folder = LocalFileSystem(basepath=str(tmp_path))

    assert ALL_WELL == outcomes(memory) == outcomes(folder)
    assert list(ALL_WELL) == [each.check for each in checking.check(memory)]
    assert [] == list(memory.scan())
    assert [] == list(tmp_path.iterdir())


class Unconditional(FaultyStorage):
    """Knows no conditions, and overwrites."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        return self.inner.put(key, parts)


class Refusing(FaultyStorage):
    """Refuses some operations."""

    def __init__(self, inner: Storage, /, *refused: str) -> None:
        super().__init__(inner)
        self.refused = refused

    def _refuse(self, key: str, *operations: str) -> None:
        if set(operations) & set(self.refused):
            raise StorageError(f"you may not {operations[0]}", block="refusing", key=key, operation=operations[0])

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self._refuse(key, "put", mode)
        return self.inner.put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        self._refuse(key, "get")
        return self.inner.get(key, byte_range=byte_range)

    def delete(self, key: str, /) -> None:
        self._refuse(key, "delete")
        self.inner.delete(key)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        self._refuse(prefix, "scan")
        return self.inner.scan(prefix)


def test_a_storage_without_conditions_is_warned_of(memory: MemoryFileSystem) -> None:
    """Whether it ignores them or says so: the rest works, and the verdict says what does not follow."""
    ignoring, honest = Unconditional(memory), Refusing(memory, "create")

    assert ALL_WELL | {"create": "warning"} == outcomes(ignoring) == outcomes(honest)
    assert "ignores the condition" in told(ignoring, "create")
    assert "nothing can lock here" in told(ignoring, "create")
    assert told(honest, "create").startswith("you may not put")
    assert "nothing can lock here" in told(honest, "create")
    assert [] == list(memory.scan())


def skipped(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "skipped")


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ("put", {"write": "failed"} | skipped("range", "create", "delete", "latency", "throughput")),
        ("get", {"read": "failed"} | skipped("range", "latency", "throughput")),
        ("scan", {"list": "failed"}),
        ("delete", {"delete": "failed"} | skipped("latency", "throughput")),
    ],
)
def test_what_is_refused_fails_and_the_rest_is_tried(
    memory: MemoryFileSystem, refused: str, expected: dict[str, str]
) -> None:
    """As far as it can be; the verdict is what the storage says."""
    storage = Refusing(memory, refused)

    assert ALL_WELL | expected == outcomes(storage)
    assert f"you may not {refused}" == next(
        each.message for each in checking.check(storage) if each.outcome == "failed"
    )


@pytest.mark.parametrize(
    ("lying", "check", "said"),
    [
        (ShortRead, "read", "other bytes came back than were written (1023 of 1024)"),
        (LostWrite, "read", "found nothing under that key"),
        (WrongError, "reach", "failed in a way that no storage should"),
    ],
)
def test_lies_are_noticed(memory: MemoryFileSystem, lying: Any, check: str, said: str) -> None:
    """By the check whose matter they are."""
    found = {each.check: each for each in checking.check(lying(memory))}

    assert "failed" == found[check].outcome
    assert said in found[check].message


def test_an_unreachable_storage_is_asked_once(memory: MemoryFileSystem) -> None:
    """Its timeouts are waited for once, and not by each check."""
    storage = FlakyStorage(memory, failures=100)
    found = list(checking.check(storage))

    assert ["failed", *["skipped"] * (len(checking.CHECKS) - 1)] == [each.outcome for each in found]
    assert 99 == storage.failures


def test_what_was_written_is_deleted_when_the_storage_fails_on_the_way(memory: MemoryFileSystem) -> None:
    """Or when nobody wants to see the rest."""
    storage = FlakyStorage(memory, failures=0)
    verdicts = checking.check(storage)
    seen = {}
    for each in verdicts:
        seen[each.check] = each.outcome
        if each.check == "read":
            storage.failures = 1
    begun = checking.check(memory)
    next(each for each in begun if each.check == "create")
    written = len(list(memory.scan()))
    begun.close()  # type: ignore[attr-defined]  # it is a generator

    assert "failed" == seen["range"]
    assert "skipped" == seen["delete"]
    assert 2 == written
    assert [] == list(memory.scan())


def test_absence_for_every_trouble_is_no_reach(memory: MemoryFileSystem) -> None:
    """A storage that says "absent" of all cannot be told from an empty one by reading, and by writing it can."""
    found = outcomes(AlwaysAbsent(LostWrite(memory)))

    assert ("ok", "failed") == (found["reach"], found["read"])
