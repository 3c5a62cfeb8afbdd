"""The contract of locks: what keeps to it, and that each of its tests can fail."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

from holdall.abc.lock import Lease, LockManager
from holdall.builtin.filelock import FileLockManager
from holdall.builtin.leases.manager import LeaseManager
from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.testing.faults import FaultyStorage
from holdall.testing.locks.contract import LockContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.abc.storage import Storage
    from holdall.types import ObjectMeta, Parts, WriteMode


class TestFileLocks(LockContract):
    """Of the operating system."""

    @pytest.fixture
    def locks(self, tmp_path: Path) -> FileLockManager:
        return FileLockManager(Directory(str(tmp_path)).lock_path)


class TestLeasesInMemory(LockContract):
    """Among threads."""

    expires_after = 0.4
    shared_between_processes = False

    @pytest.fixture
    def locks(self) -> Iterator[LeaseManager]:
        storage = MemoryFileSystem(namespace=uuid.uuid4().hex)
        yield LeaseManager(storage, ttl=self.expires_after)
        storage.clear()


class TestLeasesOnADisk(LockContract):
    """Among processes: any storage will do that creates atomically."""

    expires_after = 0.6
    rounds = 3

    @pytest.fixture
    def locks(self, tmp_path: Path) -> LeaseManager:
        return LeaseManager(Directory(str(tmp_path / "base")), ttl=self.expires_after)


class _Free(Lease):
    def __init__(self, token: int) -> None:
        self.token = token

    def refresh(self) -> None: ...

    def release(self) -> None: ...


class _Everybody(LockManager):
    """Lets everybody in."""

    slug = "liar"

    def __init__(self, _: str) -> None:
        self.tokens = itertools.count()

    @classmethod
    def for_storage(cls, storage: Storage, /, *, lease_seconds: float) -> Self:
        return cls("")

    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        return _Free(next(self.tokens))


class _Nobody(_Everybody):
    """Says that it is taken."""

    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        return None


class _Once(_Everybody):
    """A release that does nothing."""

    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        return _Free(0) if next(self.tokens) == 0 else None


class _Backwards(_Everybody):
    """Tokens that shrink."""

    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        return _Free(-next(self.tokens))


class _Overwriting(FaultyStorage):
    """Does not know `mode="create"`, and says nothing."""

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        del mode
        return self.inner.put(key, parts)


def _over_a_liar(folder: str) -> LockManager:
    return LeaseManager(_Overwriting(Directory(folder)), ttl=0.3)


class _Contract(LockContract):
    """As a plugin author has it, run against liars by hand and never collected."""

    __test__: ClassVar[bool] = False
    expires_after = 0.1
    processes = 2


LIARS: list[tuple[str, Any]] = [
    ("test_one_holder_at_a_time", _Everybody),
    ("test_one_holder_at_a_time", _over_a_liar),
    ("test_tokens_grow", _Backwards),
    ("test_a_holder_knows_that_it_holds", _over_a_liar),
    ("test_release_is_idempotent_and_free_of_threads", _Once),
    ("test_a_waiter_without_a_limit_waits", _Nobody),
    ("test_threads_exclude_each_other", _over_a_liar),
    ("test_a_living_holder_stays", _over_a_liar),
    ("test_a_dead_holder_is_followed", _over_a_liar),
    ("test_processes_exclude_each_other", _over_a_liar),
]


@pytest.mark.filterwarnings("ignore::holdall.HoldallWarning")
@pytest.mark.parametrize(("promise", "liar"), LIARS, ids=[f"{p[5:]}-{c.__name__}" for p, c in LIARS])
def test_the_contract_catches_a_liar(promise: str, liar: Any, tmp_path: Path) -> None:
    """Locks that break one promise fail the test of that promise."""
    more = (tmp_path,) if "processes" in promise else ()

    with pytest.raises(AssertionError):
        getattr(_Contract(), promise)(liar(str(tmp_path / "base")), *more)


def test_every_promise_has_its_liar() -> None:
    """No test of the contract is left out above."""
    promises = {name for name in dir(LockContract) if name.startswith("test_")}

    assert promises == {promise for promise, _ in LIARS}
