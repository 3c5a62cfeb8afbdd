"""One held lease: it says again and again that its holder lives, and notices when another has taken over."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import ref

from holdall._system import fork
from holdall.abc.lock import Lease
from holdall.builtin.leases.generations import Mark
from holdall.errors import KeyExists, StorageError
from holdall.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.builtin.leases.generations import Generations

_BEATS: Final = 3  # in one ttl, so that two may fail
given_up: Final[set[str]] = set()
"""Owners of this process that hold nothing, though an object may say so: the storage did not hear of it."""
_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)


def uptime() -> float:
    """Seconds that pass at one speed, also while the machine sleeps (where the system can tell)."""
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


class StorageLease(Lease):
    """The generation `token` of a key. A child of `fork` that inherits it neither holds, refreshes nor releases it."""

    def __init__(self, generations: Generations, token: int, /, *, ttl: float, clock: Callable[[], float]) -> None:
        self.token = token
        self.owner = new_id()
        self._generations = generations
        self._ttl = ttl
        self._clock = clock
        self._beat = 0
        self._until = 0.0
        self._process = os.getpid()
        self._writing = fork.renewed(threading.Lock())
        self._ended = threading.Event()

    def create(self) -> bool:
        """Whether the generation was there for the taking."""
        started = self._clock()
        try:
            # Never the same bytes twice: a client that repeats a request knows its own object by them.
            self._generations.write(self.token, self._mark(), mode="create")
        except KeyExists:
            return False
        self._until = started + self._ttl
        return True

    def give_up(self) -> None:
        """After an error on the way to the lease: where it was created all the same, nobody is to wait for its holder."""
        self._ended.set()
        given_up.add(self.owner)
        with suppress(StorageError):
            found = self._generations.read(self.token)
            if found is not None and Mark.parse(found, ttl=self._ttl).owner == self.owner:
                self._generations.write(self.token, self._mark(released=True))

    def begin(self) -> None:
        """Beat from now on. The thread keeps no lease alive that its holder has dropped."""
        threading.Thread(
            target=_beat, args=(ref(self), self._ended, self._ttl / _BEATS), name="holdall lease", daemon=True
        ).start()

    @property
    def held(self) -> bool:
        return not self._ended.is_set() and self._process == os.getpid() and self._clock() < self._until

    def refresh(self) -> None:
        if self._process != os.getpid():
            return
        with self._writing:
            if self._ended.is_set():
                return
            started = self._clock()
            if self.is_lost():
                self._ended.set()
                return
            self._generations.write(self.token, self._mark())
            if self._clock() >= self._until and self.is_lost():
                self._ended.set()  # it was heard too late to keep others out
                return
            self._until = started + self._ttl

    def release(self) -> None:
        if self._process != os.getpid():
            return
        with self._writing:
            held = self.held
            if self._ended.is_set():
                return
            self._ended.set()
            try:
                if held or not self.is_lost():
                    self._generations.write(self.token, self._mark(released=True))
            except StorageError:
                given_up.add(self.owner)

    def is_lost(self) -> bool:
        """Whether another generation is the newest, by the storage."""
        numbers = self._generations.numbers()
        return not numbers or numbers[-1] != self.token

    def is_gone(self) -> bool:
        """Whether its object is not there (any more), listed or not."""
        return self._generations.read(self.token) is None

    def _mark(self, *, released: bool = False) -> Mark:
        self._beat += 1
        return Mark(self.owner, self._ttl, time.time(), self._beat, released)


def _beat(held: ref[StorageLease], ended: threading.Event, pause: float) -> None:
    while not ended.wait(pause):
        lease = held()
        if lease is None:
            return
        with suppress(StorageError):  # the next beat may get through; `held` says when it has been too long
            lease.refresh()
        del lease
