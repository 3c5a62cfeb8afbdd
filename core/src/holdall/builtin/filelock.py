"""Locks between processes of one machine: one file per key, locked by the operating system."""

from __future__ import annotations

import os
import time
from errno import EACCES, EAGAIN, EDEADLK, EDQUOT, EINVAL, ELOOP, ENOSPC, ENOTDIR, ENXIO, EROFS
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self
from weakref import WeakSet

from holdall._system import fork
from holdall._system.safe_open import open_own
from holdall.abc.lock import Lease, LockManager
from holdall.builtin.local.os_errors import advice_for
from holdall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.storage import Storage

_POLL: Final = 0.01
_EXCLUSIVE: Final = 2 | 4  # LOCK_EX | LOCK_NB of fcntl
_UNLOCK: Final = 8
_DIGITS: Final = 20


class FileLease(Lease):
    """Lease that ends with `release` or with the process, SIGKILL included; no expiry. A forked child does not hold it."""

    def __init__(self, lock: _Lock, token: int) -> None:
        self.token = token
        self._held = [lock]

    def refresh(self) -> None:
        """Does nothing: the lease does not expire."""

    def release(self) -> None:
        try:
            lock = self._held.pop()  # atomic: of two threads one releases
        except IndexError:
            return
        lock.release()


class _Lock:
    """Lock of the operating system on a file of our own. Each has its own descriptor, and excludes all others."""

    __slots__ = ("__weakref__", "_descriptor", "_flock")

    def __init__(self, path: str) -> None:
        try:
            import fcntl
        except ImportError:
            self._flock: Callable[[int, int], object] = _lock_bytes
        else:
            self._flock = fcntl.flock
        self._descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        _open.add(self)

    def try_acquire(self) -> bool:
        try:
            self._flock(self._descriptor, _EXCLUSIVE)
        except OSError as error:
            if error.errno in {EACCES, EAGAIN, EDEADLK}:
                return False
            raise
        return True

    def is_at(self, path: str) -> bool:
        """Whether the file still has that name."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.lstat(path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        # Not by closing alone: a child that was forked meanwhile has the descriptor too.
        try:
            if self._descriptor >= 0:
                self._flock(self._descriptor, _UNLOCK)
        finally:
            self.close()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()


def _lock_bytes(descriptor: int, how: int) -> None:
    import msvcrt

    os.lseek(descriptor, 0, os.SEEK_SET)
    mode = "LK_UNLCK" if how == _UNLOCK else "LK_NBLCK"
    msvcrt.locking(descriptor, getattr(msvcrt, mode), 1)  # type: ignore[attr-defined,unused-ignore]  # as the import


class FileLockManager(LockManager):
    """Locks keys by files: `path_for` maps a key to its lock file; directories are made as needed.

    Lock files stay: to remove one while another process opens it would let two hold the key. Beside each lies
    `<path>.token`, the count of its holders so far.
    """

    slug: ClassVar[str] = "file"
    remote: ClassVar[bool] = False
    patience = 0.05

    @classmethod
    def for_storage(cls, storage: Storage, /, *, lease_seconds: float) -> Self | None:
        """Returns None if the storage has no `lock_path(key)`, which maps a key to its lock file."""
        del lease_seconds  # the lock ends with its holder
        path_for: Callable[[str], str] | None = storage.lock_path
        return None if path_for is None else cls(path_for)

    def __init__(self, path_for: Callable[[str], str]) -> None:
        self._path_for = path_for

    def acquire(self, key: str, /, *, timeout: float | None = None) -> FileLease | None:
        """Returns the lease, or None after `timeout` seconds.

        Raises:
            StorageError: the lock file cannot be made, or the file system has no locks.
        """
        path = self._path_for(key)
        end = None if timeout is None else time.monotonic() + timeout
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            while (lock := _try_lock(path)) is None:
                left = _POLL if end is None else end - time.monotonic()
                if left <= 0:
                    return None
                time.sleep(min(_POLL, left))
        except OSError as error:
            raise _refused(key, path, error) from error
        try:
            return FileLease(lock, _next_token(f"{path}.token"))
        except OSError as error:
            lock.release()
            raise _refused(key, path, error) from error


def _try_lock(path: str) -> _Lock | None:
    """Returns the lock, or None if another process or thread holds it."""
    lock = _Lock(path)
    try:
        if lock.try_acquire() and lock.is_at(path):
            return lock
    except BaseException:
        lock.close()
        raise
    lock.close()  # another has it, or the folder was removed and the file of that name is another one
    return None


def _next_token(path: str) -> int:
    """Increments the token; only the holder calls it. One write of fixed width, so a killed holder leaves the old or the new."""
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        stored = os.read(descriptor, _DIGITS)
        if not stored:
            token = 1
        elif stored.isdigit() and len(stored) == _DIGITS:
            token = int(stored) + 1
        else:
            token = time.time_ns()  # torn by a power cut: above any count that went before
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, b"%0*d" % (_DIGITS, token))
    finally:
        os.close(descriptor)
    return token


def _refused(key: str, path: str, error: Exception) -> StorageError:
    of_the_disk = getattr(error, "errno", None) in {EDQUOT, ENOSPC, EROFS}
    strange = getattr(error, "errno", None) in {ELOOP, EINVAL, ENXIO, ENOTDIR} and os.path.lexists(path)
    if strange or os.path.islink(os.path.dirname(path)):
        advice = f"something that is no lock of ours is in its place; look at {path} and remove it"
        return StorageError(
            f"The lock for {key!r} cannot be taken: {advice} ({error}).", block="file", key=key, operation="lock"
        )
    advice = (advice_for(error) if of_the_disk else None) or (
        f"make {Path(path).parent} writable for this user, or choose a directory on a file system with locks"
    )
    return StorageError(
        f"The lock for {key!r} cannot be taken: {advice} ({path}: {error}).",
        block="file",
        key=key,
        operation="lock",
    )


_open: WeakSet[_Lock] = WeakSet()


def _release_in_child() -> None:
    """Releases, in a forked child, the parent's locks: they end with the parent's leases, not with its last child."""
    for lock in list(_open):
        lock.close()


fork.register(in_child=_release_in_child)
