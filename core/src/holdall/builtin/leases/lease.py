"""A lease that is held: a thread renews it and notices when another holder has taken over."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import ref

from holdall._system import fork
from holdall.abc.lock import Lease
from holdall.builtin.leases.generations import LeaseRecord
from holdall.errors import KeyExists, StorageError
from holdall.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.builtin.leases.generations import Generations

_RENEWALS: Final = 3  # in one ttl, so that two may fail
ended_owners: Final[set[str]] = set()
"""Owners of this process that hold nothing, though an object may say so: writing the release failed."""
_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)


def uptime() -> float:
    """Returns seconds of a clock that never jumps, and runs while the machine sleeps (if the system has one)."""
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
        """Creates the generation; returns False if another has created it."""
        started = self._clock()
        try:
            # Never the same bytes twice: a client that repeats a request knows its own object by them.
            self._generations.write(self.token, self._record(), mode="create")
        except KeyExists:
            return False
        self._until = started + self._ttl
        return True

    def give_up(self) -> None:
        """Abandons the lease after an error: if its object was created nevertheless, nobody waits for it."""
        self._ended.set()
        ended_owners.add(self.owner)
        with suppress(StorageError):
            stored = self._generations.read(self.token)
            if stored is not None and LeaseRecord.parse(stored, ttl=self._ttl).owner == self.owner:
                self._generations.write(self.token, self._record(released=True))

    def begin(self) -> None:
        """Starts the thread that renews the lease until it ends or its holder drops it."""
        threading.Thread(
            target=_renew, args=(ref(self), self._ended, self._ttl / _RENEWALS), name="holdall lease", daemon=True
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
            self._generations.write(self.token, self._record())
            if self._clock() >= self._until and self.is_lost():
                self._ended.set()  # it was written too late to keep others out
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
                    self._generations.write(self.token, self._record(released=True))
            except StorageError:
                ended_owners.add(self.owner)

    def is_lost(self) -> bool:
        """Whether another generation is the newest, according to the storage."""
        numbers = self._generations.numbers()
        return not numbers or numbers[-1] != self.token

    def is_gone(self) -> bool:
        """Whether its object does not exist, listed or not."""
        return self._generations.read(self.token) is None

    def _record(self, *, released: bool = False) -> LeaseRecord:
        self._beat += 1
        return LeaseRecord(self.owner, self._ttl, time.time(), self._beat, released)


def _renew(reference: ref[StorageLease], ended: threading.Event, pause: float) -> None:
    while not ended.wait(pause):
        lease = reference()
        if lease is None:
            return
        with suppress(StorageError):  # the next one may get through; `held` is false once it has been too long
            lease.refresh()
        del lease
