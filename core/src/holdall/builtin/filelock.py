"""Locks between processes of one machine: one file per key, held by the operating system."""

from __future__ import annotations

import os
import time
from errno import EDQUOT, ENOSPC, EROFS
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc.lock import Lease, LockManager
from holdall.builtin.oserrors import advice_for
from holdall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL: Final = 0.01
_FOREVER: Final = 10 * 365 * 86400.0
_DIGITS: Final = 20


class FileLease(Lease):
    """Ends with `release` or with the process, SIGKILL included; it does not expire."""

    def __init__(self, lock: Any, token: int) -> None:
        self.token = token
        self._held = [lock]

    def refresh(self) -> None:
        """Nothing to put off."""

    def release(self) -> None:
        try:
            lock = self._held.pop()  # atomic: of two threads one releases
        except IndexError:
            return
        lock.release(force=True)


class FileLockManager(LockManager):
    """`path_for` maps a key to its lock file; directories are made as needed.

    Lock files stay: to remove one while another process opens it would let two hold the key. Beside each lies
    `<path>.token`, the count of its holders so far.
    """

    slug: ClassVar[str] = "file"
    remote: ClassVar[bool] = False
    patience = 0.05

    def __init__(self, path_for: Callable[[str], str]) -> None:
        self._path_for = path_for

    def acquire(self, key: str, /, *, timeout: float | None = None) -> FileLease | None:
        """Raises `StorageError` where the lock file cannot be made, or lies where the system has no file locks."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - a run that locks nothing never imports it

        path = self._path_for(key)
        # A lock object of its own for each lease: they exclude each other between threads as between processes. Waiting
        # "for ever" has an end because without one filelock takes a second lease in one thread for a mistake.
        lock = FileLock(path, thread_local=False)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=_FOREVER if timeout is None else max(timeout, 0), poll_interval=_POLL)
        except Timeout:
            return None
        except (OSError, NotImplementedError) as error:
            raise _refused(key, path, error) from error
        try:
            if type(lock) is not FileLock:  # no flock here: a substitute that a dead holder would keep
                raise NotImplementedError("the file system has no locks")  # noqa: TRY301 - as filelock once raised it
            return FileLease(lock, _next_token(f"{path}.token"))
        except (OSError, NotImplementedError) as error:
            lock.release(force=True)
            raise _refused(key, path, error) from error


def _next_token(path: str) -> int:
    """Called by the holder alone. One write of fixed width, so that a killed holder leaves the old count or the new."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        found = os.read(descriptor, _DIGITS)
        if not found:
            token = 1
        elif found.isdigit() and len(found) == _DIGITS:
            token = int(found) + 1
        else:
            token = time.time_ns()  # torn by a power cut: above any count that went before
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, b"%0*d" % (_DIGITS, token))
    finally:
        os.close(descriptor)
    return token


def _refused(key: str, path: str, error: Exception) -> StorageError:
    of_the_disk = getattr(error, "errno", None) in {EDQUOT, ENOSPC, EROFS}
    advice = (advice_for(error) if of_the_disk else None) or (
        f"make {Path(path).parent} writable for this user, or choose a directory on a file system with locks"
    )
    return StorageError(
        f"The lock for {key!r} cannot be taken: {advice} ({path}: {error}).",
        block="file",
        key=key,
        operation="lock",
    )
