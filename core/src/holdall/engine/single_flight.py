"""Single flight of missing results: one computation at a time per key, between processes too if the storage can lock."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from holdall._system import fork
from holdall.engine.run import reset
from holdall.engine.steps import Blocking, Sleep
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.lock import Lease, LockManager
    from holdall.engine.steps import Steps
    from holdall.results.store import ResultStore
    from holdall.storage.locks import LockSettings

_LONGEST_WAIT: Final = 0.05  # for another thread
_GROWTHS: Final = 50  # from a first wait to the longest

# Keys that the calls around this one are computing: a call nested in one of the same key must not wait for itself.
computing: ContextVar[tuple[str, ...]] = ContextVar("holdall_computing", default=())


class _Turn:
    """Lock that can be referenced weakly."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


_turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()
_making = threading.Lock()


def _turn_of(name: str) -> _Turn:
    """Returns the lock of a name, the same one as long as it is referenced."""
    with _making:
        turn = _turns.get(name)
        if turn is None:
            turn = _turns[name] = _Turn()
        return turn


class SingleFlight:
    """Single-flight guard: at most one caller computes a key, in this process and wherever the storage can lock."""

    def __init__(self, store: ResultStore, key: str, settings: LockSettings, /) -> None:
        self._name = f"{store.place}\0{key}"
        self._key = key
        self._nested = self._name in computing.get()
        self._turn: _Turn | None = None
        self._manager = None if self._nested else lock_manager(store.storage, settings)
        self._lease: Lease | None = None
        self._over = False
        self._mutex = fork.renewed(threading.Lock())
        self._token: Any = None

    def enter(self) -> Steps[None]:
        """Waits for the turn in short steps, so that a waiter blocks neither an event loop nor one of its threads.

        Raises:
            StorageError: the storage failed to lock though it declares that it can.
        """
        if self._nested:
            return
        turn = _turn_of(self._name)
        waits = _waits(_LONGEST_WAIT)
        while not turn.lock.acquire(blocking=False):
            yield Sleep(next(waits))
        self._turn = turn
        self._token = computing.set((*computing.get(), self._name))
        if self._manager is None:
            return
        acquire = partial(self._acquire, self._manager)
        waits = _waits(self._manager.patience)
        while not (yield Blocking(acquire)):
            yield Sleep(next(waits))

    @property
    def is_first(self) -> bool:
        """Whether no other caller has had the turn before, in any process."""
        return self._lease is not None and self._lease.token == 1

    @property
    def held(self) -> bool:
        """Whether this caller still has the turn, as far as is known without asking the storage."""
        return self._lease is None or self._lease.held

    def refresh(self) -> None:
        """Asks the storage whether the lease is still held.

        Raises:
            StorageError: the storage does not answer.
        """
        if (lease := self._lease) is not None:
            lease.refresh()

    def _acquire(self, manager: LockManager) -> bool:
        lease = manager.acquire(self._key, timeout=0)
        with self._mutex:
            if self._over and lease is not None:
                lease.release()  # the caller was cancelled while this thread acquired it
            else:
                self._lease = lease
        return lease is not None

    def leave(self) -> Steps[None]:
        """Gives up the turn, or the wait for it; idempotent. Yields a step only if there is a remote lease to release."""
        if self._token is not None:
            reset(computing, self._token)
            self._token = None
        try:
            if self._lease is not None and self._manager is not None and self._manager.remote:
                yield Blocking(self.release)
        finally:
            self.release()
            turn, self._turn = self._turn, None
            if turn is not None:
                turn.lock.release()

    def release(self) -> None:
        """Releases the lease, so that another machine can have the turn; `leave` does that too."""
        with self._mutex:
            self._over = True
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()


def _waits(longest: float) -> Iterator[float]:
    wait = longest / _GROWTHS
    while True:
        # With jitter: of waiters that wake at the same moments, only one a round would acquire the lock.
        yield wait * (0.5 + time.monotonic_ns() % 1_009 / 2_018)
        wait = min(wait * 2, longest)


def _reset_in_child() -> None:
    global _making  # noqa: PLW0603 - another thread of the parent may have held it
    _making = threading.Lock()
    _turns.clear()


fork.register(in_child=_reset_in_child)
