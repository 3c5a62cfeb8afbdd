"""Locks between machines: leases in any storage that can create an object only if there is none."""

from __future__ import annotations

import json
import time
import warnings
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Self

from holdall.abc.lock import LEASE_SECONDS, Lease, LockManager
from holdall.builtin.leases.generations import Generations, LeaseRecord, listed
from holdall.builtin.leases.lease import StorageLease, ended_owners, uptime
from holdall.errors import HoldallWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.storage import Storage
    from holdall.types import ObjectMeta

_LONGEST_WAIT: Final = 1.0


class _Verdict(NamedTuple):
    """Whether a storage can lock, and the owner of the lease that tested it."""

    can_lock: bool
    judge: str


_verdicts: dict[str, _Verdict] = {}  # by storage: a fact about it, so forks and threads may share it


class Unlocked(Lease):
    """Lease in a storage that turned out not to lock: it excludes nobody."""

    token = 0

    def refresh(self) -> None:
        """Does nothing: there is no object."""

    def release(self) -> None:
        """Does nothing: there is no object."""


class LeaseManager(LockManager):
    """Leases of `ttl` seconds below `folder`, over a `put(mode="create")` that is atomic and a listing that is current.

    Each holder of a key creates the generation after the newest one, conditionally: `<folder>/<sha256 of the key>/<20
    digits>`. That number is its token. It then rewrites its object every third of the ttl, and marks it as released at
    the end. The newest generation stays, so that numbers grow; the next holder removes the older ones.

    No machine's clock is trusted: a waiter takes a holder for dead whose object it has seen unchanged for that holder's
    ttl. That needs one manager to be asked again; a holder that should have finished minutes ago costs no wait.

    A storage that does not refuse a second creation cannot lock. The first lease in a process tests it and gives one
    `HoldallWarning`; from then on everybody gets a lease at once, which excludes nobody.
    """

    slug: ClassVar[str] = "lease"

    @classmethod
    def for_storage(cls, storage: Storage, /, *, lease_seconds: float) -> Self | None:
        """Returns None if the storage cannot create an object only if there is none."""
        return cls(storage, ttl=lease_seconds) if storage.atomic_create else None

    def __init__(
        self,
        storage: Storage,
        /,
        *,
        folder: str = "locks",
        ttl: float = LEASE_SECONDS,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self.storage = storage
        self.folder = folder
        self.ttl = ttl
        self.patience = min(_LONGEST_WAIT, ttl / 3)
        self._clock = clock
        self._place = json.dumps([storage.slug, storage.location()], sort_keys=True, default=str)
        self._seen: dict[str, tuple[tuple[int, bytes], float]] = {}
        self._asked: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_seen": {}}  # by this machine's clock

    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        """Returns the lease, or None after `timeout` seconds.

        Raises:
            StorageError: the storage cannot be read or written.
        """
        end = None if timeout is None else time.monotonic() + timeout
        wait = self.patience / 50
        while (lease := self._try(key)) is None:
            left = self.patience if end is None else end - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(wait, left))
            wait = min(wait * 2, self.patience)
        return lease

    def _try(self, key: str) -> Lease | None:
        verdict = _verdicts.get(self._place)
        if verdict is not None and not verdict.can_lock:
            return Unlocked()
        generations = self._generations(key)
        if generations.folder not in self._asked:
            # Most keys are locked once, and then to look what is there costs more than to find out that something is.
            self._asked.add(generations.folder)
            if (lease := self._take(generations, [])) is not None:
                return lease
        before = generations.numbers()
        if before and not self._is_free(generations, before[-1]):
            return None
        return self._take(generations, before)

    def _take(self, generations: Generations, before: list[int]) -> Lease | None:
        """Tries to create the generation after `before`, the newest of which was free."""
        lease = StorageLease(generations, before[-1] + 1 if before else 1, ttl=self.ttl, clock=self._clock)
        try:
            if not lease.create():
                return None
            confirmed = self._confirmed(lease, {*generations.numbers()} - {*before})
            if confirmed is lease and self._lives(generations):
                confirmed = None
        except BaseException:
            lease.give_up()
            raise
        if confirmed is not lease:
            generations.discard([lease.token])
            return confirmed
        generations.discard(before)
        if not lease.held:
            lease.refresh()  # the storage took longer than the ttl to say so
        lease.begin()
        return lease

    def _confirmed(self, lease: StorageLease, since: set[int]) -> Lease | None:
        """Returns the lease if it holds the key, given the generations that were created since the first listing."""
        if not since <= {lease.token}:
            return None  # others came, with a higher number or, where all had been tidied away, from 1 again
        if self._place not in _verdicts:
            can_lock = lease.token in since and not lease.create()
            if not can_lock and (lease.is_lost() if lease.token in since else lease.is_gone()):
                return None  # this process stood still before it looked, and was followed and tidied away
            if not self._judged(lease, can_lock=can_lock):
                return Unlocked()
        return lease if lease.token in since else None

    def _generations(self, key: str) -> Generations:
        from hashlib import sha256

        digest = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return Generations(self.storage, f"{self.folder}/{digest}")

    def _is_free(self, generations: Generations, newest: int) -> bool:
        asked = self._clock()
        stored = generations.read(newest)
        if stored is None:
            return False  # taken or tidied up meanwhile: look again
        record = LeaseRecord.parse(stored, ttl=self.ttl)
        if record.has_ended(time.time()) or record.owner in ended_owners:
            self._seen.pop(generations.folder, None)
            return True
        seen, since = self._seen.get(generations.folder, (None, 0.0))
        if seen != (newest, stored):
            self._seen[generations.folder] = ((newest, stored), self._clock())
            return False
        return asked - since >= record.ttl

    def _lives(self, generations: Generations) -> bool:
        """Whether a holder that was taken for dead has written before it could see its successor."""
        seen, _ = self._seen.pop(generations.folder, (None, 0.0))
        return seen is not None and generations.read(seen[0]) != seen[1]

    def _judged(self, lease: StorageLease, *, can_lock: bool) -> bool:
        """Whether the storage can lock, by the first test of it; warns once if it cannot."""
        verdict = _verdicts.setdefault(self._place, _Verdict(can_lock, lease.owner))
        if not verdict.can_lock and verdict.judge == lease.owner:
            name = self.storage.block_slug or f"{self.storage.slug} {next(iter(self.storage.location().values()), '')}"
            warnings.warn(
                f"{name} cannot lock: an object that was created only where none is could be created again, or was not "
                "listed (the server may ignore If-None-Match and its like). Machines that miss one cached result at once "
                "may each compute it, and the last one stays. Use a server that honours conditional writes where a result "
                "must be computed once.",
                HoldallWarning,
                stacklevel=7,
            )
        return verdict.can_lock

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        now = time.time()
        removed: list[ObjectMeta] = []
        for folder, group in groupby(listed(self.storage.scan(f"{self.folder}/")), key=itemgetter(0)):
            generations = list(group)
            if any((meta.modified or 0.0) >= before for _, _, meta in generations):
                continue
            data = Generations(self.storage, folder).read(generations[-1][1])
            record = None if data is None else LeaseRecord.parse(data, ttl=self.ttl)
            if record is None or record.at >= before or not record.has_ended(now):
                continue
            for _, _, meta in generations:
                if not dry_run:
                    self.storage.delete(meta.key)
                removed.append(meta)
        return removed
