"""Storages that are down: refused at once, said once, and tried again."""

from __future__ import annotations

import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from holdall import HoldallWarning, SerializationError, StorageError, flow, task
from holdall.errors import ConfigurationError, KeyExists, KeyMissing
from holdall.filesystems import MemoryFileSystem
from holdall.results.store import ResultStore
from holdall.serializers import PickleSerializer
from holdall.storage import circuit_breaker
from holdall.storage.guard import guard
from holdall.testing.faults import FaultyStorage, FlakyStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode

FOREVER = 1_000_000


@pytest.fixture
def inner() -> Iterator[MemoryFileSystem]:
    """A storage with one object in it."""
    storage = MemoryFileSystem(namespace="circuit")
    storage.put("there", [b"1"])
    yield storage
    storage.clear()


def flaky(inner: MemoryFileSystem, failures: int = FOREVER) -> FlakyStorage:
    return FlakyStorage(inner, failures=failures)


def failing(storage: FlakyStorage, times: int = circuit_breaker.FAILURES) -> None:
    for number in range(times):
        with pytest.raises(StorageError, match="cut on purpose"):
            guard(storage).get(f"there {number}")


def opened(storage: FlakyStorage) -> None:
    """Fail until the circuit opens."""
    with pytest.warns(HoldallWarning, match="is down"):
        failing(storage)


def refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except StorageError as error:
        return "refused without asking" in str(error)
    return False


def test_says_once_that_a_storage_is_down_and_asks_it_no_more(inner: MemoryFileSystem) -> None:
    """After some failures in a row; whatever is asked of it then."""
    storage = flaky(inner)
    opened(storage)
    asked = storage.failures
    calls: list[Callable[[], Any]] = [
        lambda: guard(storage).get("there"),
        lambda: guard(storage).put("new", [b"2"]),
        lambda: guard(storage).head("there"),
        lambda: guard(storage).exists("there"),
        lambda: guard(storage).delete("there"),
        lambda: guard(storage).publish("there", "new"),
        lambda: guard(storage).sweep(0.0, dry_run=True),
        lambda: list(guard(storage).scan()),
    ]

    assert [True] * len(calls) == [refused(each) for each in calls]
    assert asked == storage.failures


def test_the_refusal_says_since_when_how_often_and_until_when(inner: MemoryFileSystem) -> None:
    """With the last failure, which says what is wrong; it is a passing error, of the block and the key."""
    storage = flaky(inner)
    opened(storage)
    assert refused(lambda: guard(storage).get("there"))
    with pytest.raises(
        StorageError,
        match=r"^faulty:circuit: put of 'new' was refused without asking, as were 1 before it: the storage is down "
        r"since \d\d:\d\d:\d\d. The first call after (10.0|9.\d) s tries it again. Wait until it is back, or bring it "
        r"back. Its last failure: faulty: get of 'there 2' failed: the connection was cut on purpose.$",
    ) as caught:
        guard(storage).put("new", [b"2"])

    assert ("faulty", "new", "put", True) == (
        caught.value.block,
        caught.value.key,
        caught.value.operation,
        caught.value.transient,
    )


def test_lets_one_call_through_after_the_pause(inner: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """While that one is out the others are refused; where it fails, all are again."""
    storage = flaky(inner, circuit_breaker.FAILURES + 1)
    monkeypatch.setattr(circuit_breaker, "PAUSE", 0.0)
    opened(storage)
    monkeypatch.setattr(circuit_breaker, "PAUSE", 10.0)
    others = []

    def fail(key: str, operation: str) -> None:
        others.append(refused(lambda: guard(storage).get("there")))
        FlakyStorage._fail(storage, key, operation)

    monkeypatch.setattr(storage, "_fail", fail)
    with pytest.raises(StorageError, match="cut on purpose"):
        guard(storage).get("there")

    assert [True] == others
    assert refused(lambda: guard(storage).get("there"))


def test_a_success_closes_it(inner: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then it takes as many failures as before to open it again."""
    storage = flaky(inner, circuit_breaker.FAILURES)
    monkeypatch.setattr(circuit_breaker, "PAUSE", 0.0)
    opened(storage)
    monkeypatch.undo()

    assert b"1" == guard(storage).get("there")
    assert {} == circuit_breaker.troubled
    storage.failures = FOREVER
    opened(storage)


def test_failures_that_do_not_follow_on_each_other_open_nothing(inner: MemoryFileSystem) -> None:
    """A success in between starts the count anew."""
    for _ in range(3 * circuit_breaker.FAILURES):
        storage = flaky(inner, circuit_breaker.FAILURES - 1)
        failing(storage, circuit_breaker.FAILURES - 1)

        assert b"1" == guard(storage).get("there")


def test_one_key_alone_never_opens_it(inner: MemoryFileSystem) -> None:
    """Its object may be broken, or too large for the timeout, where all others are well."""
    storage = flaky(inner)
    for _ in range(3 * circuit_breaker.FAILURES):
        with pytest.raises(StorageError, match="cut on purpose"):
            guard(storage).get("there")
    storage.failures = 0

    assert b"1" == guard(storage).get("there")


class Held(FaultyStorage):
    """Its calls wait for each other at the barrier, and fail together."""

    barrier = threading.Barrier(1)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        del byte_range
        self.barrier.wait(10)
        raise StorageError("cut on purpose", key=key, transient=True)


def fail_together(storage: Held, count: int) -> list[threading.Thread]:
    """Threads with a call each, all of which are out; they fail when the caller waits at `storage.barrier`, too."""
    storage.barrier = threading.Barrier(count + 1)

    def fail(number: int) -> None:
        with pytest.raises(StorageError, match="cut on purpose"):
            guard(storage).get(f"many {number}")

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    while storage.barrier.n_waiting < count:
        assert all(thread.is_alive() for thread in threads)
    return threads


def test_many_that_are_cut_at_once_count_as_one(inner: MemoryFileSystem) -> None:
    """As when a server starts anew: that is over when they are told, and nobody who comes then is refused."""
    storage = Held(inner)
    threads = fail_together(storage, 8)
    storage.barrier.wait(10)
    for thread in threads:
        thread.join()

    assert not circuit_breaker.is_down(storage)
    assert b"1" == guard(flaky(inner, 0)).get("there")


def test_stragglers_put_no_try_off(inner: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that were out already when the circuit opened say nothing about when it is to be tried."""
    storage = Held(inner)
    threads = fail_together(storage, 4)
    other = FlakyStorage(inner, failures=circuit_breaker.FAILURES)
    monkeypatch.setattr(circuit_breaker, "_place", lambda _: "one")
    monkeypatch.setattr(circuit_breaker, "PAUSE", 0.0)
    opened(other)
    monkeypatch.setattr(circuit_breaker, "PAUSE", 10.0)
    storage.barrier.wait(10)
    for thread in threads:
        thread.join()

    assert b"1" == guard(other).get("there")


@pytest.mark.parametrize("left", [KeyboardInterrupt, GeneratorExit])
def test_a_try_that_was_given_up_makes_room(
    inner: MemoryFileSystem, left: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an interrupt, or by a reader that wants no more of a listing: the next call tries instead."""
    storage = flaky(inner, circuit_breaker.FAILURES)
    monkeypatch.setattr(circuit_breaker, "PAUSE", 0.0)
    opened(storage)
    monkeypatch.undo()
    if left is GeneratorExit:
        listing = guard(storage).scan()
        next(listing)
        del listing
    else:
        monkeypatch.setattr(storage, "_fail", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            guard(storage).get("there")
        monkeypatch.undo()

    assert b"1" == guard(storage).get("there")


class Refusing(FlakyStorage):
    """Answers every write with the error that it was made for, and reads as `FlakyStorage`."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode, parts
        raise self.answer(f"no to {key}")

    answer: Callable[[str], Exception] = StorageError


@pytest.mark.parametrize("answer", [StorageError, KeyMissing, KeyExists])
def test_the_answers_of_a_living_storage_never_open_it(inner: MemoryFileSystem, answer: type[StorageError]) -> None:
    """Refused, absent, taken: they start the count anew, as a success does."""
    storage = Refusing(inner, failures=FOREVER)
    storage.answer = answer
    for _ in range(2 * circuit_breaker.FAILURES):
        with pytest.raises(StorageError, match="cut on purpose"):
            guard(storage).get("there")
        with pytest.raises(answer):
            guard(storage).put("new", [])

    assert {} == circuit_breaker.troubled


@pytest.mark.parametrize("answer", [ConfigurationError, SerializationError, RuntimeError])
def test_what_is_no_answer_of_a_storage_counts_for_nothing(
    inner: MemoryFileSystem, answer: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the caller's parts raise, or a client that breaks the contract: the next call may try instead."""
    storage = Refusing(inner, failures=circuit_breaker.FAILURES)
    storage.answer = answer
    monkeypatch.setattr(circuit_breaker, "PAUSE", 0.0)
    opened(storage)
    monkeypatch.undo()
    with pytest.raises((answer, StorageError)):
        guard(storage).put("new", [])

    assert circuit_breaker.is_down(storage)
    assert b"1" == guard(storage).get("there")


def test_equal_storages_are_one_place_and_others_are_not(inner: MemoryFileSystem) -> None:
    """What one object found out holds for all that lead there."""
    opened(flaky(inner))
    elsewhere = MemoryFileSystem(namespace="circuit elsewhere")

    assert refused(lambda: guard(flaky(MemoryFileSystem(namespace="circuit"))).get("there"))
    assert not refused(lambda: guard(flaky(elsewhere, 0)).get("there"))
    assert b"1" == guard(inner).get("there")


def test_old_failures_are_forgotten(inner: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a place which nobody asks any more costs the others nothing."""
    opened(flaky(inner))
    monkeypatch.setattr(circuit_breaker, "_FORGOTTEN", -1.0)
    guard(inner).get("there")

    assert {} == circuit_breaker.troubled


def test_a_warning_that_is_an_error_does_not_hide_the_failure(inner: MemoryFileSystem) -> None:
    """It is a note on the failure then."""
    storage = flaky(inner)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = []
        for number in range(circuit_breaker.FAILURES):
            with pytest.raises(StorageError, match="cut on purpose") as caught:
                guard(storage).get(f"there {number}")
            errors.append(getattr(caught.value, "__notes__", []))

    assert [0] * (circuit_breaker.FAILURES - 1) + [1] == list(map(len, errors))
    assert errors[-1][0].startswith("The storage faulty:circuit is down: 3 calls in a row failed.")


def test_a_write_is_not_repeated_to_a_storage_that_is_down(inner: MemoryFileSystem) -> None:
    """The error is the storage's own, and the value goes along."""
    storage = flaky(inner)
    store = ResultStore(storage, PickleSerializer())
    failing(storage, circuit_breaker.FAILURES - 1)
    with pytest.warns(HoldallWarning, match="is down"), pytest.raises(StorageError, match="cut on purpose") as caught:
        store.write([1], key="results/aa/x.json")

    assert [1] == caught.value.value


class Dead(FaultyStorage):
    """Counts the calls that come so far."""

    def __init__(self, inner: MemoryFileSystem, /) -> None:
        super().__init__(inner)
        self.calls = 0
        self._lock = threading.Lock()

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode, parts
        raise self._failure(key, "put")

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        del byte_range
        raise self._failure(key, "get")

    def _failure(self, key: str, operation: str) -> StorageError:
        with self._lock:
            self.calls += 1
        return StorageError("nobody answers", block="dead", key=key, operation=operation, transient=True)


@pytest.mark.usefixtures("place")
def test_many_mapped_tasks_meet_a_dead_storage_once(inner: MemoryFileSystem) -> None:
    """A few calls find out, one warning says it, and every computed value comes with its error."""
    storage = Dead(inner)

    @task(persist_result=True, result_storage=storage)
    def square(number: int) -> list[int]:
        return [number * number]

    @flow(persist_result=False)
    def squares() -> list[Any]:
        return [future.result(raise_on_failure=False) for future in square.map(range(256))]

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        errors = squares()

    assert 1 == sum("is down" in str(each.message) for each in seen)
    assert [StorageError] * 256 == list(map(type, errors))
    assert storage.calls < 16
    assert [[number * number] for number in range(256)] == [error.value for error in errors]


@pytest.mark.usefixtures("place")
def test_locks_ask_a_dead_storage_no_more_than_results_do(inner: MemoryFileSystem) -> None:
    """Calls whose bodies run all the same: to find that nothing can be locked costs no time either."""

    class Locking(Dead):
        atomic_create = True

        def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
            raise self._failure(prefix, "scan")

    storage = Locking(inner)

    @task(cache_key_fn=lambda _, given: str(given), on_storage_error="run", persist_result=True, result_storage=storage)
    def square(number: int) -> list[int]:
        return [number * number]

    with pytest.warns(HoldallWarning):
        values = [square(number) for number in range(20)]

    assert [[number * number] for number in range(20)] == values
    assert storage.calls == circuit_breaker.FAILURES


def test_a_forked_child_asks_for_itself(inner: MemoryFileSystem) -> None:
    """It may have another network, and a lock that another thread held must not stop it."""
    opened(flaky(inner))
    with circuit_breaker._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if not circuit_breaker.troubled and not refused(lambda: guard(inner).get("there")) else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
