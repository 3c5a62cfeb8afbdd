"""Leases in a storage: who takes over when, what a holder notices, and what a storage must be able to do."""

from __future__ import annotations

import gc
import json
import os
import threading
import time
import uuid
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from holdall.builtin.leases.generations import LeaseRecord
from holdall.builtin.leases.manager import LeaseManager
from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import HoldallWarning, StorageError
from holdall.results.layout import is_lock
from holdall.storage.guard import guard
from holdall.testing.faults import FaultyStorage, LateListing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.lock import Lease
    from holdall.abc.storage import Storage
    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode

DAY = 86_400.0


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def storage() -> Iterator[MemoryFileSystem]:
    storage = MemoryFileSystem(namespace=uuid.uuid4().hex)
    yield storage
    storage.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def manager(storage: Storage, clock: Callable[[], float], ttl: float = 30.0) -> LeaseManager:
    return LeaseManager(storage, ttl=ttl, clock=clock)


def take(locks: LeaseManager) -> Lease:
    lease = locks.acquire("key", timeout=0)
    assert lease is not None
    return lease


def keys(storage: Storage) -> list[str]:
    return [meta.key for meta in storage.scan()]


def numbers(storage: Storage) -> list[int]:
    return [int(key[-20:]) for key in keys(storage)]


def rewrite(storage: Storage, **changes: Any) -> None:
    """Another content for the newest generation, as its holder could have written it."""
    newest = keys(storage)[-1]
    storage.put(newest, [json.dumps({**json.loads(storage.get(newest)), **changes}).encode()])


def test_names_tell_nothing_and_are_known_as_locks(storage: MemoryFileSystem, clock: Clock) -> None:
    """A digest of the key and the number: what looks through a storage passes them over."""
    with take(manager(storage, clock)):
        (name,) = keys(storage)

    assert is_lock(name)
    assert name.endswith("/00000000000000000001")
    assert not is_lock("locks/mine.txt")


def test_the_newest_generation_stays_and_the_older_ones_go(storage: MemoryFileSystem, clock: Clock) -> None:
    """It is what makes numbers grow."""
    locks = manager(storage, clock)
    for _ in range(3):
        take(locks).release()

    assert [3] == numbers(storage)


def test_a_dead_holder_is_one_that_was_seen_unchanged_for_its_ttl(storage: MemoryFileSystem, clock: Clock) -> None:
    """By the waiter's clock, from when it first saw that content, and for the ttl that the holder wrote down."""
    take(manager(storage, clock, ttl=60))
    waiter = manager(storage, clock, ttl=1)

    assert waiter.acquire("key", timeout=0) is None
    clock.now += 59
    assert waiter.acquire("key", timeout=0) is None
    rewrite(storage, beat=7)
    clock.now += 59
    assert waiter.acquire("key", timeout=0) is None
    clock.now += 59
    assert waiter.acquire("key", timeout=0) is None
    clock.now += 1

    assert take(waiter).token == 2


def test_the_recorded_time_counts_where_it_is_long_past(storage: MemoryFileSystem, clock: Clock) -> None:
    """A dead lease of yesterday costs no wait; one that is late by less than clocks differ is watched first."""
    take(manager(storage, clock))
    rewrite(storage, at=time.time() - 4 * 60)

    assert manager(storage, clock).acquire("key", timeout=0) is None

    rewrite(storage, at=time.time() - DAY)

    assert take(manager(storage, clock)).token == 2


def test_what_nobody_can_read_is_watched_like_a_holder(storage: MemoryFileSystem, clock: Clock) -> None:
    """Torn or of a later version: it is taken over when it does not change."""
    take(manager(storage, clock)).release()
    storage.put(keys(storage)[0], [b"torn"])
    locks = manager(storage, clock)

    assert locks.acquire("key", timeout=0) is None
    clock.now += 30
    assert take(locks).token == 2


def test_an_overtaken_holder_finds_out_and_leaves_the_next_one_alone(storage: MemoryFileSystem, clock: Clock) -> None:
    """Its own clock tells first; asked, the storage is sure. Its token stays."""
    slept = take(manager(storage, clock))
    clock.now += 31

    assert not slept.held

    rewrite(storage, at=time.time() - DAY)
    following = take(manager(storage, clock))
    slept.refresh()
    slept.release()

    assert not slept.held
    assert (slept.token, following.token) == (1, 2)
    assert [2] == numbers(storage)
    following.refresh()
    assert following.held


def test_a_holder_that_overslept_and_was_not_overtaken_goes_on(storage: MemoryFileSystem, clock: Clock) -> None:
    """Nobody came: the lease is as good as ever."""
    lease = take(manager(storage, clock))
    clock.now += 100
    lease.refresh()

    assert lease.held

    clock.now += 100
    lease.release()

    assert take(manager(storage, clock)).token == 2


def test_a_beat_keeps_the_lease_and_the_overtaken_stop_beating(storage: MemoryFileSystem) -> None:
    """The thread notices the next holder by itself, and ends."""
    before = set(threading.enumerate())
    lease = take(LeaseManager(storage, ttl=0.3))
    (beating,) = set(threading.enumerate()) - before
    first = storage.get(keys(storage)[0])
    while storage.get(keys(storage)[0]) == first:
        assert beating.is_alive()
    storage.put(keys(storage)[0][:-1] + "2", [b"{}"])
    beating.join(5)

    assert not beating.is_alive()
    assert not lease.held


def test_a_dropped_lease_is_not_kept_alive(storage: MemoryFileSystem) -> None:
    """Whoever loses it without releasing it keeps nobody out for longer than the ttl."""
    before = set(threading.enumerate())
    lease = take(LeaseManager(storage, ttl=0.1))
    (beating,) = set(threading.enumerate()) - before
    del lease
    gc.collect()
    beating.join(5)

    assert not beating.is_alive()


class Troubled(FaultyStorage):
    """Fails while it is told to; `meanwhile` happens once before an object is created, `before_writing` before others."""

    fails = False
    meanwhile: Callable[[], object] | None = None
    before_writing: Callable[[], object] | None = None

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        if mode == "overwrite" and self.before_writing is not None:
            happens, self.before_writing = self.before_writing, None
            happens()
        if self.fails:
            raise StorageError("cut", transient=True)
        if mode == "create" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return super().put(key, parts, mode=mode)


class Slow(FaultyStorage):
    """Takes longer than a lease lasts, once after an object was created."""

    def __init__(self, storage: MemoryFileSystem, clock: Clock) -> None:
        super().__init__(storage)
        self.clock = clock
        self.pauses: list[float] = []

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        meta = self.inner.put(key, parts, mode=mode)
        if mode == "create":
            self.pauses.append(40)
        return meta

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        while self.pauses:
            self.clock.now += self.pauses.pop()
        return self.inner.scan(prefix)


def test_a_lease_that_took_longer_than_its_ttl_holds(storage: MemoryFileSystem, clock: Clock) -> None:
    """What was created too long ago is said again before the holder begins."""
    take(manager(storage, clock)).release()

    assert take(manager(Slow(storage, clock), clock)).held


def test_trouble_is_survived_until_the_ttl_is_over(storage: MemoryFileSystem, clock: Clock) -> None:
    """The holder has been heard, so nobody takes over before; a release in trouble is left to the ttl."""
    troubled = Troubled(storage)
    lease = take(manager(troubled, clock))
    troubled.fails = True
    clock.now += 29
    with pytest.raises(StorageError):
        lease.refresh()

    assert lease.held

    clock.now += 1

    assert not lease.held

    troubled.fails = False
    lease.refresh()

    assert lease.held

    troubled.fails = True
    lease.release()

    assert not lease.held


def test_trouble_on_the_way_to_a_lease_is_an_error(storage: MemoryFileSystem, clock: Clock) -> None:
    """A storage that cannot be written to is not "taken"."""
    troubled = Troubled(storage)
    troubled.fails = True

    with pytest.raises(StorageError):
        manager(troubled, clock).acquire("key", timeout=0)


class LostAnswer(FaultyStorage):
    """Creates what it is told to, and the answer is lost; `hides` what it has from then on while that is set."""

    hides = False
    lost = False

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        meta = super().put(key, parts, mode=mode)
        if mode == "create" and not self.lost:
            self.lost = True
            raise StorageError("cut", transient=True)
        return meta

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        if self.lost and self.hides:
            raise StorageError("cut", transient=True)
        return super().get(key, byte_range=byte_range)


def test_a_creation_whose_answer_was_lost_keeps_nobody_out(storage: MemoryFileSystem, clock: Clock) -> None:
    """Neither this process nor another: it is marked as released."""
    with pytest.raises(StorageError, match="cut"):
        manager(LostAnswer(storage), clock).acquire("key", timeout=0)

    assert json.loads(storage.get(keys(storage)[0]))["released"]
    assert take(manager(storage, clock)).token == 2


def test_a_creation_that_nobody_could_be_told_of_keeps_its_own_process_in(
    storage: MemoryFileSystem, clock: Clock
) -> None:
    """It knows its own holders; others wait for the ttl."""
    cut = LostAnswer(storage)
    cut.hides = True
    with pytest.raises(StorageError, match="cut"):
        manager(cut, clock).acquire("key", timeout=0)
    cut.hides = False

    assert not json.loads(storage.get(keys(storage)[0]))["released"]
    assert take(manager(cut, clock)).token == 2


def test_a_lost_refusal_takes_nothing_from_the_holder(storage: MemoryFileSystem, clock: Clock) -> None:
    """The creation failed, and what is there under its number is somebody else's."""
    late = Troubled(storage)
    held: list[Lease] = []

    def meanwhile() -> None:
        held.append(take(manager(storage, clock)))
        raise StorageError("cut", transient=True)

    late.meanwhile = meanwhile
    with pytest.raises(StorageError, match="cut"):
        manager(late, clock).acquire("key", timeout=0)
    held[0].refresh()

    assert held[0].held
    assert manager(storage, clock).acquire("key", timeout=0) is None


def test_a_release_that_nobody_heard_keeps_its_own_process_in(storage: MemoryFileSystem, clock: Clock) -> None:
    """Whoever tries again here, when the storage is back, does not wait for itself."""
    troubled = Troubled(storage)
    lease = take(manager(troubled, clock))
    troubled.fails = True
    lease.release()
    troubled.fails = False

    assert take(manager(troubled, clock)).token == 2


def test_a_beat_that_comes_late_does_not_hold_beside_the_next_one(storage: MemoryFileSystem, clock: Clock) -> None:
    """Whoever watched has taken over between the holder's look and its writing."""
    slow = Troubled(storage)
    lease = take(manager(slow, clock))
    watching = manager(storage, clock)
    assert watching.acquire("key", timeout=0) is None
    clock.now += 29
    followed: list[Lease] = []

    def overtake() -> None:
        clock.now += 1
        followed.append(take(watching))

    slow.before_writing = overtake
    lease.refresh()

    assert [2] == [each.token for each in followed]
    assert not lease.held
    assert followed[0].held


def test_who_takes_over_gives_way_to_a_holder_that_spoke_meanwhile(storage: MemoryFileSystem, clock: Clock) -> None:
    """Between the look at it and the next number its beat arrived, and the holder saw nobody."""
    lease = take(manager(storage, clock))
    slow = Troubled(storage)
    watching = manager(slow, clock)
    assert watching.acquire("key", timeout=0) is None
    clock.now += 30
    slow.meanwhile = lease.refresh

    assert watching.acquire("key", timeout=0) is None
    assert lease.held
    lease.refresh()
    assert lease.held


def test_a_client_that_breaks_its_contract_stops_no_beat(storage: MemoryFileSystem) -> None:
    """What it raises is taken for an error of the storage: the next beat may get through, and a release never fails."""

    class Broken(FaultyStorage):
        broken = False

        def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
            if self.broken:
                raise RuntimeError("a client's own")
            return super().put(key, parts, mode=mode)

    broken = Broken(storage)
    before = set(threading.enumerate())
    lease = take(LeaseManager(guard(broken), ttl=0.1))
    (beating,) = set(threading.enumerate()) - before
    broken.broken = True
    while lease.held:
        assert beating.is_alive()
    broken.broken = False
    while not lease.held:
        assert beating.is_alive()
    broken.broken = True
    lease.release()

    assert not lease.held


def test_who_comes_late_with_an_old_number_gives_way(storage: MemoryFileSystem, clock: Clock) -> None:
    """Between its look and its creation the number was used, released and tidied away."""
    take(manager(storage, clock)).release()
    late = Troubled(storage)
    held: list[Lease] = []

    def meanwhile() -> None:
        take(manager(storage, clock)).release()
        held.append(take(manager(storage, clock)))

    late.meanwhile = meanwhile
    lease = manager(late, clock).acquire("key", timeout=0)

    assert lease is None
    assert [3] == numbers(storage)
    held[0].refresh()
    assert held[0].held


def test_who_comes_late_beside_a_new_first_gives_way(storage: MemoryFileSystem, clock: Clock) -> None:
    """Between its look and its creation all was tidied away, and somebody began at 1 again."""
    for _ in range(4):
        take(manager(storage, clock)).release()
    late = Troubled(storage)
    held: list[Lease] = []

    def meanwhile() -> None:
        storage.clear()
        held.append(take(manager(storage, clock)))

    late.meanwhile = meanwhile
    lease = manager(late, clock).acquire("key", timeout=0)

    assert lease is None
    assert [1] == numbers(storage)
    held[0].refresh()
    assert held[0].held


class Overwriting(FaultyStorage):
    """Ignores the condition, as some gateways do."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        return self.inner.put(key, parts)


@pytest.mark.parametrize("liar", [Overwriting, LateListing])
def test_a_storage_that_cannot_lock_is_one_warning_and_no_error(
    liar: type[FaultyStorage], storage: MemoryFileSystem, clock: Clock
) -> None:
    """In this process and for this place: everybody gets in from then on, and no trace is left."""
    with pytest.warns(HoldallWarning, match=f"faulty {storage.namespace} cannot lock: .* may each compute"):
        first = take(manager(liar(storage), clock))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = take(manager(liar(storage), clock))
    first.release()
    second.refresh()

    assert (first.token, second.token) == (0, 0)
    assert second.held
    assert [] == keys(storage)


class Moving(FaultyStorage):
    """A folder whose files come and go while it is read: at the first look none is where the reader is."""

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        if (meta := next(self.inner.scan(prefix), None)) is not None and self.moves:
            self.moves = False
            self.inner.delete(meta.key)
            return iter(())
        return self.inner.scan(prefix)

    moves = True


def test_a_first_lease_that_is_tidied_away_while_it_is_looked_for_blames_no_storage(
    storage: MemoryFileSystem, clock: Clock
) -> None:
    """The next holder removed it, and the reader saw neither of them: it looks again."""
    lease = take(manager(Moving(storage), clock))

    assert lease.held
    assert [lease.token] == numbers(storage)


def test_who_stands_still_at_the_first_lease_blames_no_storage(storage: MemoryFileSystem, clock: Clock) -> None:
    """Its generation was taken over and tidied away before it was created again: that says nothing of the storage."""
    slow = Troubled(storage)
    held: list[Lease] = []

    def then() -> None:
        rewrite(storage, at=time.time() - DAY)
        held.append(take(manager(storage, clock)))

    slow.meanwhile = lambda: setattr(slow, "meanwhile", then)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lease = manager(slow, clock).acquire("key", timeout=0)

    assert lease is None
    assert [2] == numbers(storage)


def test_an_honest_storage_is_asked_once(storage: MemoryFileSystem, clock: Clock) -> None:
    """The second lease of a place creates one object and no more."""
    created: list[str] = []

    class Counting(FaultyStorage):
        def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
            if mode == "create":
                created.append(key)
            return super().put(key, parts, mode=mode)

    for _ in range(3):
        take(manager(Counting(storage), clock)).release()

    # Each of these managers asks for the key for the first time, and so tries whether it is free as a new one is.
    assert [1, 1, 1, 2, 1, 3] == [int(key[-20:]) for key in created]


def test_a_forked_child_has_no_part_in_the_lease(storage: MemoryFileSystem, clock: Clock) -> None:
    """It neither holds nor releases what its parent holds."""
    if not hasattr(os, "fork"):
        return
    lease = take(manager(storage, clock))
    content = storage.get(keys(storage)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads: the point of the test
        child = os.fork()
    if child == 0:
        lease.refresh()
        lease.release()
        os._exit(int(lease.held or storage.get(keys(storage)[0]) != content))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert lease.held


def test_what_is_over_and_old_is_swept(storage: MemoryFileSystem, clock: Clock) -> None:
    """Released or dead, and untouched since: all of it. What is held, or young, or somebody else's stays."""
    locks = manager(storage, clock)
    for name in ("released", "dead", "held"):
        assert locks.acquire(name, timeout=0) is not None
        newest = max(storage.scan(), key=lambda meta: meta.modified or 0.0).key
        record = LeaseRecord("me", 30.0, time.time() - (0 if name == "held" else DAY), 1, name == "released")
        storage.put(newest, [json.dumps(record._asdict()).encode()])
    storage.put("locks/readme.txt", [b"of another program"])
    young = locks.sweep(time.time() - 60)
    shown = locks.sweep(time.time() + 60, dry_run=True)
    swept = locks.sweep(time.time() + 60)

    assert [] == young
    assert shown == swept
    assert 2 == len(swept)
    assert 2 == len(keys(storage))
    assert locks.acquire("held", timeout=0) is None
