"""One result on its way from a storage to another."""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import CorruptResultError, MissingResultError, StorageError
from holdall.filesystems import MemoryFileSystem
from holdall.ids import new_id, shard
from holdall.maintenance.copy_result import CopyContext, copy_result
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.results.checksum import Checksum, verified
from holdall.results.layout import name_key, record_key
from holdall.results.record import SEAL_SIZE, at, parse, seal
from holdall.results.store import ResultStore
from holdall.serializers import JSONSerializer
from holdall.storage.guard import guard
from holdall.testing.faults import FaultyStorage, Meanwhile
from holdall.types import StorageReference

if TYPE_CHECKING:
    from holdall.abc.storage import Storage


@pytest.fixture
def source(tmp_path: Path) -> ResultStore:
    return ResultStore(Directory(str(tmp_path / "source")), PickleCodec())


@pytest.fixture
def target(tmp_path: Path) -> ResultStore:
    return ResultStore(Directory(str(tmp_path / "target")), PickleCodec())


def sent(
    source: ResultStore,
    target: ResultStore,
    key: str = "k",
    *,
    through: Storage | None = None,
    into: Storage | None = None,
    context: CopyContext | None = None,
    **more: Any,
) -> str:
    data = bytes(source.storage.get(key))
    record = parse(data, where=key)
    return copy_result(
        record, data, through or source.storage, into or target.storage, target.where, context or CopyContext(**more)
    )


def keys(store: ResultStore) -> set[str]:
    return {meta.key.partition("/")[0] for meta in store.storage.scan()}


@pytest.mark.parametrize("value", [[1], "x" * 20_000, b"\0" * (9 << 20)], ids=["inlined", "small", "large"])
def test_a_result_arrives_as_it_was(source: ResultStore, target: ResultStore, value: Any) -> None:
    """The record names its new place; all else is the same, byte for byte."""
    source.write(value, key="k", created=1000.0, expires=4e9, producer='{"name":"made"}')
    before = json.loads(bytes(source.storage.get("k")))

    assert "copied" == sent(source, target)
    after = json.loads(bytes(target.storage.get("k")))
    assert value == target.read("k")
    assert str(target.where.location["basepath"]) == after["storage"]["location"]["basepath"]
    differing = {name for name in before if before[name] != after[name]}
    assert {"storage", "checksum"} == differing
    assert list(before) == list(after)
    assert "there" == sent(source, target)


def test_an_inlined_payload_keeps_its_bytes(tmp_path: Path) -> None:
    """JSON as the serializer wrote it, and a small hit is as quick as one that was written there."""
    where = StorageReference(slug="s3/prod", type="s3", location={"bucket_path": "b"})
    for value in ({"é": [1.0, 2]}, "text", {"a": None}):
        store = ResultStore(Directory(str(tmp_path / "a")), JSONSerializer())
        store.write(value, key="k", producer='{"kind":"task","run_id":"ab"}')
        data = at(bytes(store.storage.get("k")), where)
        record = parse(data, where="k")

        assert where == record.storage
        assert parse(bytes(store.storage.get("k")), where="k").payload == record.payload
        twin = ResultStore(Directory(str(tmp_path / "b")), JSONSerializer(), where=where)
        twin.storage.put("k", [data])
        assert (value, "ab") == twin.read_quickly("k")


def test_the_readable_copy_comes_along(source: ResultStore, target: ResultStore) -> None:
    """Under the name that its user chose, each its own."""
    for name in ("report", "report.pkl"):
        source.write([1] * 9000, name=name)
        sent(source, target, name_key(name))

    assert {"payloads", "names", "report.pkl", "report.pkl_.pkl"} == keys(target)
    target.storage.delete("report.pkl")
    assert "copied" == sent(source, target, name_key("report"))
    assert "there" == sent(source, target, name_key("report"))


def test_the_copy_of_an_older_format_goes_where_a_newer_one_comes(source: ResultStore, target: ResultStore) -> None:
    """What other tools find under a name is what the record says."""
    as_json = ResultStore(target.storage, JSONSerializer())
    as_json.write([0], name="report", created=1.0)
    source.write([1], name="report")
    sent(source, target, name_key("report"))

    assert {"payloads", "names", "report.pkl"} == keys(target)


def test_a_literal_is_a_record_alone(source: ResultStore, target: ResultStore) -> None:
    """With nothing to send but that."""
    source.write_literal(False, key="k")

    assert "copied" == sent(source, target)
    assert target.read("k") is False
    assert {"k"} == keys(target)


def test_the_younger_result_wins(source: ResultStore, target: ResultStore) -> None:
    """Whichever side has it."""
    source.write("old", key="k", created=1000.0)
    target.write("young", key="k", created=2000.0)

    assert "newer" == sent(source, target)
    assert "young" == target.read("k")
    assert "copied" == sent(target, source)
    assert "young" == source.read("k")


def test_one_that_is_written_there_meanwhile_stays(source: ResultStore, target: ResultStore) -> None:
    """A payload may take long, and whoever computes at the target is not waited for."""

    class Slow(FaultyStorage):
        def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Any:
            yield from super().stream(key, chunk=chunk)
            target.write("young", key="k", created=2000.0)

    source.write("old" * 5000, key="k", created=1000.0)

    assert "newer" == sent(source, target, through=Slow(source.storage))
    assert "young" == target.read("k")


def test_a_flipped_byte_is_found_on_the_way(source: ResultStore, target: ResultStore, tmp_path: Path) -> None:
    """In whichever chunk; nothing of it can be found at the target."""
    source.write(b"\0" * (9 << 20), key="k")
    (payload,) = (tmp_path / "source").rglob("*.pkl")
    whole = payload.read_bytes()
    for place in (100, 5 << 20, len(whole) - 1):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1
        payload.write_bytes(spoilt)

        with pytest.raises(CorruptResultError, match=rf"bytes from {place >> 22 << 22} on are not"):
            sent(source, target)
    for wrong in (whole[:-1], whole[: 4 << 20], whole + b"\0", whole + whole):
        payload.write_bytes(wrong)
        with pytest.raises(CorruptResultError):
            sent(source, target)
    assert [] == list(target.storage.scan())
    payload.write_bytes(whole)
    assert "copied" == sent(source, target)


def test_what_is_there_is_read_where_the_original_is_to_go(source: ResultStore, target: ResultStore) -> None:
    """A payload of the right size may still have rotted: it is sent again, and what is whole is not."""
    source.write("x" * 9000, key="k")
    sent(source, target)
    (path,) = [meta.key for meta in target.storage.scan("payloads/")]
    target.storage.put(path, [bytes(target.storage.get(path)).replace(b"xx", b"xy")])

    assert "there" == sent(source, target)
    assert "copied" == sent(source, target, thorough=True)
    assert "x" * 9000 == target.read("k")
    assert "there" == sent(source, target, thorough=True)
    target.storage.put(path, [bytes(target.storage.get(path)).replace(b"xx", b"xy")])
    assert "copied" == sent(source, target, thorough=True, dry_run=True)
    with pytest.raises(CorruptResultError):
        target.read("k")


def test_a_payload_that_is_gone_is_said_to_be(source: ResultStore, target: ResultStore, tmp_path: Path) -> None:
    """It is no trouble of the target's."""
    source.write("x" * 9000, key="k")
    (payload,) = (tmp_path / "source").rglob("*.pkl")
    payload.unlink()

    with pytest.raises(MissingResultError, match="is gone, though its record is still there"):
        sent(source, target)


def test_a_source_that_breaks_its_contract_is_named(source: ResultStore, target: ResultStore) -> None:
    """Not the storage that happened to ask it for the next piece."""

    class Broken(FaultyStorage):
        def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Any:
            raise RuntimeError("no")

    source.write("x" * 9000, key="k")

    with pytest.raises(StorageError, match=r"^faulty: stream of .*: RuntimeError: no.* tell the author of"):
        sent(source, target, through=guard(Broken(source.storage)))


def test_damage_at_the_target_is_mended_and_other_files_are_left(source: ResultStore, target: ResultStore) -> None:
    """A record that was torn is replaced, another program's file is not."""
    source.write([1], key="k")
    target.storage.put("k", [b'{"holdall":1,'])

    assert "copied" == sent(source, target)
    target.storage.put("k", [b"#!/bin/sh"])
    with pytest.raises(CorruptResultError, match="is not a holdall record"):
        sent(source, target)
    assert b"#!/bin/sh" == bytes(target.storage.get("k"))


def test_a_record_cannot_name_what_is_no_payload(source: ResultStore, target: ResultStore) -> None:
    """Who can write to the source must not choose what is replaced at the target."""
    source.write("x" * 9000, key="k")
    data = bytes(source.storage.get("k"))
    path = parse(data, where="k").payload.path  # type: ignore[union-attr]
    forged = seal(data[:-36].replace(str(path).encode(), b"results/other.json"))
    source.storage.put("k", [forged])

    with pytest.raises(CorruptResultError, match="is no payload's name"):
        sent(source, target)


def test_a_dry_run_writes_nothing(source: ResultStore) -> None:
    """And says what would become of it."""
    source.write("x" * 9000, key="k")
    target = ResultStore(MemoryFileSystem(namespace="dry run of a transfer"), PickleCodec())

    assert "copied" == sent(source, target, dry_run=True)
    assert [] == list(target.storage.scan())
    sent(source, target)
    assert "there" == sent(source, target, dry_run=True)


@pytest.mark.parametrize("step", [1, 3, 4, 7, 100])
def test_parts_are_verified_however_they_are_cut(step: int) -> None:
    """Chunks of 4 bytes in pieces of any size."""
    from xxhash import xxh3_64_digest

    data = b"0123456789"
    chunks = [xxh3_64_digest(data[start : start + 4]) for start in (0, 4, 8)]
    expected = Checksum.of(chunks)
    expected = Checksum(chunks=expected.chunks, digest=expected.digest, chunk_size=4)
    pieces = [data[start : start + step] for start in range(0, 10, step)]

    assert data == b"".join(verified(pieces, expected, size=10, where="here"))
    with pytest.raises(CorruptResultError, match="checksum of chunk 0"):
        list(verified([b"x", *pieces], expected, size=10, where="here"))


LARGE = "x" * 20_000


def leftover(source: ResultStore, target: ResultStore) -> str:
    """What a copy that was cut short two days ago left at the target: an old payload that no record names."""
    moment = time.time() - 2 * 86_400
    unique = f"{int(moment * 1000):012x}{new_id()[12:]}"
    source.write(LARGE, key="k")
    record = source.record("k")
    path = f"payloads/{shard(unique)}/{unique}.pkl"
    data = bytes(source.storage.get("k"))[:-SEAL_SIZE].replace(record.payload.path.encode(), path.encode())
    source.storage.put(path, [source.storage.get(record.payload.path)])
    source.storage.delete(record.payload.path)
    source.storage.put("k", [seal(data)])
    target.storage.put(path, [source.storage.get(path)])
    file = Path(target.storage.location()["basepath"], path)
    os.utime(file, (moment, moment))
    return path


def test_an_old_payload_is_made_young_before_it_gets_a_record(source: ResultStore, target: ResultStore) -> None:
    """So that `gc`, which runs just then, does not take age for proof that nobody wants it."""
    path = leftover(source, target)
    before = target.storage.head(path).modified
    removed = []

    def gc() -> None:
        removed.extend(collect(place_of(target.storage)).removed)

    through = Meanwhile(target.storage, "put", gc, key="k")

    assert "copied" == sent(source, target, into=through)
    assert through.happened
    assert [] == removed
    assert LARGE == target.read("k")
    assert before < target.storage.head(path).modified - 86_400


@pytest.mark.parametrize("operation", ["put", "head"])
def test_a_payload_that_goes_around_the_write_of_its_record_is_sent_again(
    source: ResultStore, target: ResultStore, operation: str
) -> None:
    """Before the record is written or after: somebody had decided to delete it before it was young."""
    path = leftover(source, target)
    through = Meanwhile(
        target.storage, operation, lambda: target.storage.delete(path), key={"put": "k", "head": path}[operation]
    )

    assert "copied" == sent(source, target, into=through)
    assert through.happened
    assert LARGE == target.read("k")


def test_a_payload_that_goes_each_time_is_an_error(source: ResultStore, target: ResultStore) -> None:
    """Which says what to look for; the original stays."""

    class Emptied(FaultyStorage):
        def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
            meta = super().put(key, parts, mode=mode)
            for each in self.inner.scan("payloads/"):
                self.inner.delete(each.key)
            return meta

    source.write(LARGE, key="k")

    with pytest.raises(StorageError, match="was deleted from .* each time that it had been written there") as caught:
        sent(source, target, into=Emptied(target.storage))
    assert caught.value.transient
    assert LARGE == source.read("k")


def test_a_copier_that_was_stopped_before_the_record_sends_anew(
    source: ResultStore, target: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot know what has become of an hour-old payload, nor what somebody is about to make of it."""
    source.write(LARGE, key="k")
    now = time.time
    through = Meanwhile(target.storage, "put", lambda: monkeypatch.setattr(time, "time", lambda: now() + 3600), key="k")
    counted = Counting(through)

    assert "copied" == sent(source, target, into=counted)
    assert {"payloads": 2, "k": 2} == counted.puts


class Counting(FaultyStorage):
    """Counts what is put, by the first part of its key."""

    def __init__(self, inner: Storage, /) -> None:
        super().__init__(inner)
        self.puts: dict[str, int] = {}

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        folder = key.partition("/")[0]
        self.puts[folder] = self.puts.get(folder, 0) + 1
        return super().put(key, parts, mode=mode)


def test_the_payload_of_two_records_is_sent_once(source: ResultStore, target: ResultStore) -> None:
    """In one job, also where they come at the same time."""
    source.write(LARGE, key=record_key("k"), name="report")
    both = [record_key("k"), name_key("report")]
    counted, context = Counting(target.storage), CopyContext()
    start = threading.Barrier(2)

    def send(key: str) -> str:
        start.wait()
        return sent(source, target, key, into=counted, context=context)

    with ThreadPoolExecutor(2) as pool:
        assert ["copied", "copied"] == list(pool.map(send, both))
    assert {"payloads": 1, "cache": 1, "names": 1} == counted.puts
    assert [LARGE, LARGE] == [target.read(key) for key in both]


def test_a_result_that_is_deleted_before_its_copy_is_made_was_copied(source: ResultStore, target: ResultStore) -> None:
    """Whoever deletes it is right to."""
    source.write(LARGE, name="report")
    key = name_key("report")
    through = Meanwhile(target.storage, "publish", lambda: target.delete(key))

    assert "copied" == sent(source, target, key, into=through)
    assert through.happened
    assert set() == keys(target)
