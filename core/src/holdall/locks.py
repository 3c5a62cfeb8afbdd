"""Who can lock keys of a storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.lock import LockManager
    from holdall.abc.storage import Storage


def lock_manager(storage: Storage, /) -> LockManager | None:
    """What locks keys between processes: files for a local folder; None where the storage has no way to lock."""
    lock_path: Callable[[str], str] | None = getattr(storage, "lock_path", None)
    if lock_path is None:
        return None
    from holdall.builtin.filelock import FileLockManager  # noqa: PLC0415 - 40 ms that only who locks pays

    return FileLockManager(lock_path)
