"""Results that are deleted beside those who write them again, or have another record of their payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import CorruptResultError
from holdall.results.layout import PAYLOADS, name_key, record_key
from holdall.results.store import ResultStore
from holdall.testing.faults import Meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from holdall.abc.storage import Storage

OLD, NEW = "old" + "x" * 20_000, "new" + "x" * 20_000
CACHED, NAMED = record_key("k"), name_key("report")


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "folder":
        yield Directory(str(tmp_path))
        return
    memory = MemoryFileSystem(namespace=str(tmp_path))
    yield memory
    memory.clear()


@pytest.fixture
def store(storage: Storage) -> ResultStore:
    return ResultStore(storage, PickleCodec())


def folders(storage: Storage) -> list[str]:
    return sorted({meta.key.partition("/")[0] for meta in storage.scan()})


@pytest.mark.parametrize(("first", "second"), [(CACHED, NAMED), (NAMED, CACHED)])
def test_the_payload_goes_with_its_last_record(store: ResultStore, first: str, second: str) -> None:
    """A result that is cached and named has two."""
    store.write(OLD, key=CACHED, name="report")
    store.delete(first)

    assert OLD == store.read(second)
    store.delete(second)
    assert [] == list(store.storage.scan())


MOMENTS = [
    *(("head", key, skip) for key in (NAMED, PAYLOADS, "report") for skip in (0, 1)),
    *(("get", NAMED, 0), ("delete_unchanged", "report", 0), ("delete_unchanged", NAMED, 0), ("get", CACHED, 0)),
    ("delete_unchanged", PAYLOADS, 0),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=["-".join(map(str, moment)) for moment in MOMENTS])
@pytest.mark.parametrize("cached", [False, True])
def test_what_is_written_beside_a_deletion_stays(
    store: ResultStore, moment: tuple[str, str, int], *, cached: bool
) -> None:
    """Whole, with its payload, its other record and its readable copy, whenever it comes."""
    key = CACHED if cached else None

    def write() -> None:
        store.write(NEW, key=key, name="report")

    store.write(OLD, key=key, name="report")
    operation, prefix, skip = moment
    through = Meanwhile(store.storage, operation, write, key=prefix, skip=skip)
    ResultStore(through, PickleCodec()).delete(NAMED)
    if not through.happened:
        return  # this deletion has no such moment

    left = {meta.key for meta in store.storage.scan()}
    if NAMED in left:
        assert NEW == store.read(NAMED)
        assert len(NEW) < store.storage.head("report.pkl").size
    else:  # it had been written before the deletion looked
        assert "report.pkl" not in left
    if cached:
        assert NEW == store.read(CACHED)


def test_a_payload_that_is_made_young_meanwhile_stays(store: ResultStore) -> None:
    """Somebody is about to give it a record: a copy that comes back, say."""
    store.write(OLD, name="report")
    record = store.record(NAMED)
    data = bytes(store.storage.get(NAMED))

    def back() -> None:
        store.storage.put(record.path, [bytes(store.storage.get(record.path))])
        store.storage.put(NAMED, [data])

    through = Meanwhile(store.storage, "delete_unchanged", back, key=PAYLOADS)
    ResultStore(through, PickleCodec()).delete(NAMED)

    assert through.happened
    assert OLD == store.read(NAMED)


@pytest.mark.parametrize("spoil", [lambda data: data[:-40], lambda _: b"", lambda data: data[:30] + b"?" + data[31:]])
def test_a_damaged_record_goes_alone(store: ResultStore, spoil: Callable[[bytes], bytes]) -> None:
    """Which payload was its own, it does not say."""
    store.write(OLD, key=CACHED)
    store.storage.put(CACHED, [spoil(bytes(store.storage.get(CACHED)))])
    store.delete(CACHED)

    assert ["payloads"] == folders(store.storage)


def test_what_is_no_record_stays(store: ResultStore) -> None:
    """It is somebody else's."""
    store.storage.put("k", [b"#!/bin/sh"])
    with pytest.raises(CorruptResultError):
        store.delete("k")
    store.delete("absent")

    assert ["k"] == folders(store.storage)


def test_a_damaged_sibling_keeps_the_payload(store: ResultStore) -> None:
    """It may be restored."""
    store.write(OLD, key=CACHED, name="report")
    data = bytes(store.storage.get(CACHED))
    store.storage.put(CACHED, [data[:-10]])
    store.delete(NAMED)
    store.storage.put(CACHED, [data])

    assert OLD == store.read(CACHED)
