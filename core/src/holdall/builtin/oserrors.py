"""What an error of the operating system means for somebody who keeps results in a folder."""

from __future__ import annotations

import errno
import os
from typing import Final

from holdall.errors import StorageError

_FULL = "the disk is full: free some space or choose another basepath; what was stored before is unchanged"
_DENIED = "this process may not do that here, or the place is not writable: check the owner and mode of the basepath"
_ADVICE: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the disk quota is used up: free some space or choose another basepath; nothing stored was changed",
    errno.ENOENT: "a folder on the way is not there and cannot be made: check the basepath",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "the filesystem is read-only, so not writable: choose another basepath or mount it writable",
    errno.ENOTDIR: "a file stands where a folder is needed: one key or path is the beginning of another",
    errno.EEXIST: "a file stands where a folder is needed: one key or path is the beginning of another",
    errno.EISDIR: "a folder stands where a file is needed: the key is the beginning of others",
    errno.ENOTEMPTY: "a folder stands where a file is needed: the key is the beginning of others",
    errno.ENAMETOOLONG: "basepath and key together are longer than this system allows",
    errno.EMFILE: "this process has too many files open: raise the limit (ulimit -n) or close some",
    errno.ENFILE: "the system has too many files open",
    errno.EIO: "the disk or its driver failed: look at the system log",
    errno.ENOMEM: "there is not enough memory for the object",
    errno.ELOOP: "symbolic links lead in a circle",
    errno.ESTALE: "the file server replaced the file meanwhile; the same call may succeed now",
}
_TRANSIENT: Final = frozenset({errno.EINTR, errno.EAGAIN, errno.ESTALE})


def explained(error: OSError, /, *, block: str, base: str, key: str, operation: str) -> StorageError:
    """The error to raise from `error`; one that is explained already comes back as it is."""
    if isinstance(error, StorageError):
        return error
    advice = _ADVICE.get(error.errno or 0, "")
    found = error.strerror or os.strerror(error.errno or 0)
    return StorageError(
        f"{block} at {base}: {operation} of {key!r} failed: {advice}{' ' if advice else ''}"
        f"({errno.errorcode.get(error.errno or 0, type(error).__name__)}: {found}).",
        block=block,
        key=key,
        operation=operation,
        transient=error.errno in _TRANSIENT,
    )


def advice_for(error: BaseException, /) -> str | None:
    """What to do about it, as the end of a sentence, where the error says so much."""
    return _ADVICE.get(getattr(error, "errno", None) or 0)
