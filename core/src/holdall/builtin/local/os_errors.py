"""Errors of the operating system as storage errors that say what to do."""

from __future__ import annotations

import errno
import os
from typing import Final, NamedTuple

from holdall.errors import KeyExists, KeyMissing, StorageError

_FULL = "the disk is full: free some space or choose another basepath; what was stored before is unchanged"
_DENIED = "this process may not do that here, or the place is not writable: check owner and mode of the basepath"
_NO_FOLDER = "a file stands where a folder is needed: one key or path is the beginning of another"
_NO_FILE = "a folder stands where a file is needed: the key is the beginning of others"
_ADVICE: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the disk quota is used up: free some space or choose another basepath; nothing stored was changed",
    errno.ENOENT: "a folder on the way is not there and cannot be made: check the basepath",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "the filesystem is read-only, so not writable: choose another basepath or mount it writable",
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: _NO_FILE,
    errno.ENOTEMPTY: _NO_FILE,
    errno.ENAMETOOLONG: "basepath and key together are longer than this system allows",
    errno.EMFILE: "this process has too many files open: raise the limit (ulimit -n) or close some",
    errno.ENFILE: "the system has too many files open",
    errno.EIO: "the disk or its driver failed: look at the system log",
    errno.ENOMEM: "there is not enough memory for the object",
    errno.ELOOP: "symbolic links lead in a circle",
    errno.ESTALE: "the file server replaced the file meanwhile; the same call may succeed now",
}
_TRANSIENT: Final = frozenset({errno.EINTR, errno.EAGAIN, errno.ESTALE})


class FolderErrors(NamedTuple):
    """Makes the errors of the storage `block` at `base`; raises none itself."""

    block: str
    base: str

    def failed(self, error: OSError, key: str, operation: str, /) -> StorageError:
        if isinstance(error, StorageError):
            return error  # explained already, where it happened
        code = error.errno or 0
        name = errno.errorcode.get(code, type(error).__name__)
        advice = f"{_ADVICE[code]} " if code in _ADVICE else ""
        return self._error(
            f"failed: {advice}({name}: {error.strerror or os.strerror(code)})", key, operation, code in _TRANSIENT
        )

    def no_folder(self, error: OSError, /) -> StorageError:
        return StorageError(
            f"{self.block} at {self.base} cannot hold results: {self.base} is no folder and cannot become one "
            f"({error.strerror}).",
            block=self.block,
            key="",
            operation="put",
        )

    def refused(self, key: str, operation: str, reason: str, /) -> StorageError:
        return self._error(f"refused: the key {reason}", key, operation)

    def short(self, key: str, found: int, expected: int, /) -> StorageError:
        reason = "something shortened the file while it was read"
        return self._error(f"found {found} bytes where there should be {expected}: {reason}", key, "get")

    def outside(self, key: str, start: int, stop: int | None, size: int, /) -> StorageError:
        return self._error(f"failed: bytes {start} to {stop} were asked for, of an object of {size}", key, "get")

    def missing(self, key: str, operation: str, /) -> KeyMissing:
        message = f"{self.block} at {self.base}: {operation} of {key!r} found nothing under that key."
        return KeyMissing(message, block=self.block, key=key, operation=operation)

    def taken(self, key: str, /) -> KeyExists:
        message = f"{self.block} at {self.base}: put of {key!r} may only create it, and the key is taken."
        return KeyExists(message, block=self.block, key=key, operation="put")

    def swept(self, key: str, /) -> StorageError:
        reason = "its unfinished file was removed, as `holdall gc` does with what is older than its --grace"
        return self._error(f"failed: {reason}; the same call may succeed now", key, "put", transient=True)

    def _error(self, outcome: str, key: str, operation: str, transient: bool = False) -> StorageError:
        message = f"{self.block} at {self.base}: {operation} of {key!r} {outcome}."
        return StorageError(message, block=self.block, key=key, operation=operation, transient=transient)


def advice_for(error: BaseException, /) -> str | None:
    """Returns what to do about an error, as the end of a sentence; None if there is no advice."""
    return _ADVICE.get(getattr(error, "errno", None) or 0)
