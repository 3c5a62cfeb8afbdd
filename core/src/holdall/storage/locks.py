"""Who can lock keys of a storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdall.results.layout import LOCKS
from holdall.storage.guard import Guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.lock import LockManager
    from holdall.abc.storage import Storage

LEASE_SECONDS: Final = 30.0


def lock_manager(storage: Storage, /, *, lease_seconds: float = LEASE_SECONDS) -> LockManager | None:
    """What locks keys between processes: files for a local folder, leases where an object can be created atomically.

    None where the storage has no way to lock. `lease_seconds` is how long a lease outlives a holder that died.
    """
    lock_path: Callable[[str], str] | None = getattr(storage, "lock_path", None)
    if lock_path is not None:
        from holdall.builtin.filelock import FileLockManager

        return FileLockManager(lock_path)
    if storage.atomic_create:
        from holdall.builtin.leases.manager import LeaseManager

        return LeaseManager(Guarded(storage), folder=LOCKS, ttl=lease_seconds)
    return None
