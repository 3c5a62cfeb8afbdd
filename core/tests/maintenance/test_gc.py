"""Removing what nobody can read: what goes, what stays, and who may be at work beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import load_result, task
from holdall.abc.storage import Storage
from holdall.builtin.leases.manager import LeaseManager
from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.engine.single_flight import lock_manager
from holdall.errors import StorageError
from holdall.ids import new_id, shard
from holdall.maintenance import known_storages
from holdall.maintenance.copy_storage import move
from holdall.maintenance.gc import DAY, Collected, collect
from holdall.results.inventory import inventory
from holdall.results.layout import is_lock, record_key
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.testing.faults import FaultyStorage, Meanwhile
from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.maintenance.known_storages import OpenStorage

pytestmark = pytest.mark.usefixtures("place")

LARGE = list(range(20_000))
NOW = -1.0  # a grace that nothing is too young for, whatever the clock of the disk


@task(persist_result=True)
def plain(value: Any) -> Any:
    return value


@task(cache_key_fn=lambda _context, _parameters: "short", cache_expiration=timedelta(microseconds=1))
def short(value: Any) -> Any:
    return value


def here() -> OpenStorage:
    return known_storages.named(["./.holdall-results"], settings.current(), os.getcwd())[0]


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    }


def left(done: Collected) -> list[tuple[str, str]]:
    return sorted((each.what, each.key) for each in done.removed)


def put_payload(folder: Path, *, hours: float, modified: float | None = None) -> str:
    """A payload with no record, begun so long ago; `modified` is in hours too."""
    unique = f"{int((time.time() - hours * 3600) * 1000):012x}{new_id()[12:]}"
    key = f"payloads/{shard(unique)}/{unique}.pkl"
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 100)
    moment = time.time() - (hours if modified is None else modified) * 3600
    os.utime(path, (moment, moment))
    return key


def test_payloads_without_a_record_go_and_all_else_stays(place: Path) -> None:
    """Results keep their payloads, copies for other tools and foreign files are left alone."""
    folder = place / ".holdall-results"
    plain(["small"])
    plain(LARGE)
    plain.with_options(result_storage_key="readable")(LARGE)
    plain.with_options(result_storage_key="readable")([*LARGE, 1])
    (folder / "payloads" / "mine.txt").write_text("of another program")
    (folder / "payloads" / "ff").mkdir(exist_ok=True)
    (folder / "payloads" / "ff" / f"{'0' * 31}1.pkl").write_text("not where we would put it")
    before = files(folder)
    old = put_payload(folder, hours=30)
    done = collect(here(), grace=NOW)
    (replaced,) = (each.key for each in done.removed if each.key != old)

    assert {"payload"} == {each.what for each in done.removed}
    assert before - {replaced} == files(folder)
    assert [*LARGE, 1] == load_result(key="readable")
    assert done.size == sum(each.size for each in done.removed) > 100


def test_the_young_are_left_by_both_clocks(place: Path) -> None:
    """A payload goes when its name and its file are both older than the grace."""
    folder = place / ".holdall-results"
    old = put_payload(folder, hours=30)
    still_arriving = put_payload(folder, hours=30, modified=1)
    ahead = put_payload(folder, hours=1, modified=30)
    done = collect(here())

    assert [("payload", old)] == left(done)
    assert {still_arriving, ahead} == files(folder)
    assert done.young == 2


def test_a_dry_run_says_the_same_and_removes_nothing(place: Path) -> None:
    """What it lists is what the next run removes."""
    folder = place / ".holdall-results"
    short(LARGE)
    put_payload(folder, hours=30)
    (folder / "payloads" / f".holdall-tmp-{new_id()}").write_bytes(b"half")
    before = files(folder)
    dry = collect(here(), grace=NOW, expired=True, dry_run=True)

    assert before == files(folder)
    assert left(dry) == left(collect(here(), grace=NOW, expired=True))
    assert len(dry.removed) == 4
    assert set() == files(folder)


def test_a_storage_without_times_goes_by_the_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a listing has no times, the payload's own name says when it was begun."""
    storage = MemoryFileSystem(namespace="timeless")
    scan = storage.scan
    monkeypatch.setattr(
        MemoryFileSystem, "scan", lambda _, prefix="": (each._replace(modified=None) for each in list(scan(prefix)))
    )
    try:
        ResultStore(storage, PickleCodec()).write(LARGE, key="kept")
        unique = f"{int((time.time() - 2 * DAY) * 1000):012x}{new_id()[12:]}"
        old = f"payloads/{shard(unique)}/{unique}"
        storage.put(old, [b"x"])
        storage.put(f"payloads/{shard(unique := new_id())}/{unique}", [b"x"])
        done = collect(known_storages.place_of(storage))
    finally:
        storage.clear()

    assert [("payload", old)] == left(done)


def test_expired_results_go_when_asked_for_and_the_catalog_forgets_them(place: Path) -> None:
    """Records, payload, and the copy for other tools; what has not expired stays."""
    folder = place / ".holdall-results"
    plain(LARGE)
    before = files(folder)
    short.with_options(result_storage_key="copy")(LARGE)
    catalog = open_catalog(settings.current())
    kept = collect(here(), grace=NOW, catalog=catalog)

    assert ([], 2) == (kept.removed, kept.expired_left)
    assert len(catalog.references()) == 2
    done = collect(here(), grace=DAY, expired=True, catalog=catalog)

    assert ["expired"] * 4 == [each.what for each in done.removed]
    assert before == files(folder)
    assert [LARGE] == [load_result(key=row.key) for row in catalog.references()]


def test_an_expired_result_that_is_being_made_anew_is_left(place: Path) -> None:
    """Who computes a cached result holds its lock, and so the record is not taken from under it."""
    short(LARGE)
    key = next(key for key in files(place / ".holdall-results") if key.startswith("cache/"))
    manager = lock_manager(here().storage)
    assert manager is not None
    lease = manager.acquire(key)
    assert lease is not None
    try:
        held = collect(here(), grace=NOW, expired=True)
    finally:
        lease.release()

    assert [] == held.removed
    assert 2 == len(collect(here(), grace=NOW, expired=True).removed)


class Bucket(MemoryFileSystem):
    """Locks as an object store does."""

    atomic_create: ClassVar[bool] = True


def test_leases_are_no_records_and_go_when_they_are_over(place: Path) -> None:
    """Those of callers at work stay; that of the removal itself is left for the next time."""
    bucket = Bucket(namespace=str(place))
    try:
        short.with_options(result_storage=bucket)(LARGE)
        held = LeaseManager(bucket).acquire("another", timeout=0)
        shelf = known_storages.place_of(bucket)
        kinds = [found.kind for found in inventory(bucket, "here")]
        first = collect(shelf, grace=NOW, expired=True)
        second = collect(shelf, grace=NOW, expired=True)
        left_over = [meta.key for meta in bucket.scan()]
    finally:
        bucket.clear()

    assert ["record"] == kinds
    assert held is not None
    assert ["expired", "expired", "lease"] == [what for what, _ in left(first)]
    assert ["lease"] == [what for what, _ in left(second)]
    assert [True] == [is_lock(key) for key in left_over]


def test_what_a_damaged_record_may_name_is_kept(place: Path) -> None:
    """It can be restored, or be one of a newer holdall: its payload stays, and where it names none, all stay."""
    folder = place / ".holdall-results"
    plain(LARGE)
    record = next((folder / "results").rglob("*.json"))
    content = record.read_bytes()
    mine = files(folder)
    old = put_payload(folder, hours=30)
    record.write_bytes(content.replace(b'"created":"2', b'"created":"3'))
    named = collect(here(), grace=NOW)
    second = put_payload(folder, hours=30)
    record.write_bytes(content[:60])
    torn = collect(here(), grace=NOW)
    record.write_bytes(b'{"holdall":99,"all":"different"}')
    newer = collect(here(), grace=NOW)

    assert ([("payload", old)], []) == (left(named), named.held)
    assert ([], 1, 1) == (left(torn) + left(newer), len(torn.held), len(newer.held))
    assert "newer holdall" in newer.held[0]
    assert {*mine, second} == files(folder)
    record.write_bytes(content)

    assert LARGE == load_result(key=record.relative_to(folder).as_posix(), storage="./.holdall-results")


def test_a_damaged_record_with_its_payload_inside_holds_nothing_back(place: Path) -> None:
    """It names no payload, however damaged."""
    folder = place / ".holdall-results"
    plain(["small"])
    record = next((folder / "results").rglob("*.json"))
    record.write_bytes(record.read_bytes().replace(b'"created":"2', b'"created":"3'))
    old = put_payload(folder, hours=30)

    assert [("payload", old)] == left(collect(here(), grace=NOW))


class Failing(MemoryFileSystem):
    """Lists, and loses the network when it is to give out a record."""

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        del byte_range
        raise StorageError(f"no network for {key}", transient=True)


def test_a_storage_that_fails_loses_nothing() -> None:
    """Without all records nobody can say which payloads they name."""
    storage = Failing(namespace="failing")
    try:
        ResultStore(storage, PickleCodec()).write(LARGE, key="kept")
        done = collect(known_storages.place_of(storage), grace=NOW)
        keys = [meta.key for meta in storage.scan()]
    finally:
        storage.clear()

    assert ([], 2) == (done.removed, len(keys))
    assert "no network" in str(done.problem)


KILLED = """
import os, signal
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.results.store import ResultStore

class Killed(Directory):
    __slots__ = ()

    def put(self, key, parts, /, *, mode="overwrite"):
        if key == "result":
            parts = dying(parts)
        return super().put(key, parts, mode=mode)

def dying(parts):
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)

ResultStore(Killed("shelf"), PickleCodec()).write(list(range(20_000)), key="result")
"""


def test_what_a_killed_writer_left_is_removed_when_it_is_old(place: Path) -> None:
    """Killed while it wrote the record: the payload and the unfinished file go after the grace, not before."""
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True)
    shelf = known_storages.named(["./shelf"], settings.current(), os.getcwd())[0]

    assert killed.returncode == -9, killed.stderr
    assert 2 == len(files(place / "shelf"))
    assert [] == collect(shelf).removed
    done = collect(shelf, grace=NOW)

    assert ["payload", "unfinished"] == [what for what, _ in left(done)]
    assert done.size > 100_000
    assert set() == files(place / "shelf")


def test_unfinished_files_are_known_by_name_and_age(place: Path) -> None:
    """Only what a write of ours is called, only when old, and nothing behind a link or among the locks."""
    outside = place / "outside"
    folder = place / "shelf" / "deep"
    for each in (outside, folder, place / "shelf" / ".locks"):
        each.mkdir(parents=True)
    old = f"{int((time.time() - 2 * DAY) * 1000):012x}{new_id()[12:]}"
    names = [f".holdall-tmp-{old}", ".holdall-tmp-of-somebody", f".holdall-tmp-{new_id()}", f"x.holdall-tmp-{old}"]
    for each in (outside, folder, place / "shelf" / ".locks"):
        for name in names:
            (each / name).write_bytes(b"half")
            os.utime(each / name, (time.time() - 2 * DAY,) * 2)
    (folder / f".holdall-tmp-{old[:-1]}{'0' if old[-1] != '0' else '1'}").write_bytes(b"still growing")
    (place / "shelf" / "link").symlink_to(outside)
    storage = Directory(str(place / "shelf"))
    found = storage.sweep(time.time() - DAY)

    assert [f"deep/.holdall-tmp-{old}"] == [meta.key for meta in found]
    assert [4] == [meta.size for meta in found]
    assert not (folder / names[0]).exists()
    assert set(names) == {path.name for path in outside.iterdir()}
    assert [] == Directory(str(place / "absent")).sweep(time.time())


def test_a_writer_in_another_process_loses_nothing(place: Path) -> None:
    """It replaces ten results again and again while this process collects; in the end only ten payloads are left."""
    script = textwrap.dedent("""
        from holdall.builtin.local.directory import Directory
        from holdall.builtin.pickle.codec import PickleCodec
        from holdall.results.store import ResultStore

        store = ResultStore(Directory("shelf"), PickleCodec())
        for number in range(400):
            store.write([number] * 10_000, key=f"result-{number % 10}")
            if number == 20:
                print("on the way", flush=True)
    """)
    shelf = known_storages.named(["./shelf"], settings.current(), os.getcwd())[0]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        meanwhile: list[Collected] = []
        while writer.poll() is None or not meanwhile:
            meanwhile.append(collect(shelf, grace=0.5))

    assert [None] * len(meanwhile) == [each.problem for each in meanwhile]
    assert 0 == writer.returncode
    collect(shelf, grace=NOW)
    store = ResultStore(shelf.storage, PickleCodec())

    assert [390 + number for number in range(10)] == [store.read(f"result-{number}")[0] for number in range(10)]
    assert 10 == len(files(place / "shelf" / "payloads"))


class Shelf:
    """A store in memory with two payloads that no record names, both old; and what names or renews the later one."""

    def __init__(self, name: str) -> None:
        self.storage = MemoryFileSystem(namespace=name)
        self.store = ResultStore(self.storage, PickleCodec())
        paths = {}
        for _ in range(2):
            self.store.write(LARGE, key="first")
            paths[self.store.record("first").payload.path] = bytes(self.storage.get("first"))
        self.storage.delete("first")
        self.other, self.path = sorted(paths)
        self.record = paths[self.path]

    def name(self) -> None:
        self.storage.put("first", [self.record])

    def renew(self) -> None:
        self.storage.put(self.path, [bytes(self.storage.get(self.path))])

    def collect(self, operation: str, act: Any, **more: Any) -> Collected:
        through = Meanwhile(self.storage, operation, act, **more)
        done = collect(known_storages.place_of(through), grace=NOW)

        assert through.happened
        assert done.problem is None
        return done


@pytest.fixture
def shelf(place: Path) -> Iterator[Shelf]:
    found = Shelf(str(place))
    yield found
    found.storage.clear()


# The first listing is that of payloads, the second that of records, the third the look before the first deletion.
@pytest.mark.parametrize("listing", [1, 2])
def test_a_record_that_comes_while_gc_is_at_work_has_its_payload(shelf: Shelf, listing: int) -> None:
    """Whatever gave an old payload a record, in whatever moment before the last look."""
    shelf.storage.put("other", [b"of another program"])
    done = shelf.collect("scan", shelf.name, skip=listing)

    assert LARGE == shelf.store.read("first")
    assert ["payload"] == [what for what, _ in left(done)]


def test_a_record_that_changes_while_gc_is_at_work_has_its_payload(shelf: Shelf) -> None:
    """One of the same size that led to another payload when it was read."""
    shelf.store.write([*LARGE, 2], key="first")
    other = shelf.store.record("first").payload.path
    shelf.collect("scan", shelf.name, skip=2)

    assert LARGE == shelf.store.read("first")
    assert shelf.storage.exists(other)


def test_a_payload_that_is_made_young_stays(shelf: Shelf) -> None:
    """Who is about to give it a record writes it again first, be it in the moment before its deletion."""
    done = shelf.collect("delete_unchanged", shelf.renew, key=shelf.path)

    assert shelf.storage.exists(shelf.path)
    assert (1, ["payload"]) == (done.young, [what for what, _ in left(done)])


def test_gc_that_was_stopped_looks_once_more(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it knew of records before is not taken for true an hour later."""
    now = time.time

    def an_hour() -> None:
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
        shelf.name()

    shelf.collect("delete_unchanged", an_hour, key=shelf.other)

    assert LARGE == shelf.store.read("first")


@pytest.mark.parametrize("operation", ["get", "delete_unchanged"])
def test_an_entry_that_is_refreshed_before_its_removal_survives(
    shelf: Shelf, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look that found it expired and the deletion."""
    key = record_key("entry")
    shelf.store.write(LARGE, key=key, expires=time.time() - 1)
    fresh = [*LARGE, "fresh"]
    through = Meanwhile(
        shelf.storage, operation, lambda: shelf.store.write(fresh, key=key), key=key, skip=operation == "get"
    )
    done = collect(known_storages.place_of(through), grace=DAY, expired=True)

    assert through.happened
    assert fresh == shelf.store.read(key)
    assert [] == left(done)


class Sizes(FaultyStorage):
    """Knows of its objects nothing but their sizes."""

    def head(self, key: str, /) -> ObjectMeta:
        return ObjectMeta(key, self.inner.head(key).size)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        return (ObjectMeta(meta.key, meta.size) for meta in list(self.inner.scan(prefix)))

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        return Storage.delete_unchanged(self, meta)


def test_where_nothing_tells_of_a_change_records_are_read_again(shelf: Shelf) -> None:
    """One of the same size that led to another payload when it was read."""
    shelf.store.write([*LARGE, 2], key="first")
    shelf.storage.put("first", [bytes(shelf.storage.get("first"))])
    through = Meanwhile(shelf.storage, "scan", shelf.name, skip=2)
    done = collect(known_storages.place_of(Sizes(through)), grace=NOW)

    assert through.happened
    assert done.problem is None
    assert LARGE == shelf.store.read("first")


def test_a_storage_that_knows_sizes_alone_is_tidied_and_left(place: Path) -> None:
    """By the ids in names of payloads; records are read once more in any case."""

    here, there = (Sizes(Directory(str(place / name))) for name in ("here", "there"))
    store = ResultStore(here, PickleCodec())
    for _ in range(2):
        store.write(LARGE, key="first")
    done = collect(known_storages.place_of(here), grace=NOW)

    assert ["payload"] == [what for what, _ in left(done)]
    move(
        known_storages.place_of(here),
        known_storages.place_of(there),
        open_catalog(settings.current()),
        settings=settings.current(),
    )
    assert [] == list(here.scan())
    assert LARGE == ResultStore(there, PickleCodec()).read("first")
    ResultStore(there, PickleCodec()).delete("first")
    assert [] == list(there.scan())
