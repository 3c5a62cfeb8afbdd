"""Errors of SQLite as catalog errors that say what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Final

from holdall.errors import CatalogError

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_REFUSED: Final = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)
_ROOM: Final = 128 * 1024  # SQLite reports a full disk as an input/output error where shared memory did not fit


def is_busy(error: BaseException, /) -> bool:
    """Whether the same statement may succeed soon, because another connection is at work."""
    return _primary(error) in _BUSY


def explain(error: BaseException, /, *, path: str, doing: str, timeout: float) -> CatalogError:
    """Returns the error to raise in its place. `doing` completes "Cannot …"."""
    code = _primary(error)
    asked = f"Cannot {doing} in the catalog {path}"
    if code in _BUSY:
        return CatalogError(
            f"{asked}: another process has kept it locked for {timeout:g} s. Find out which (`fuser {path}`) and let "
            "it finish or end it, then try again; a network file system without working locks shows the same."
        )
    if code in _DAMAGED:
        return CatalogError(
            f"{asked}: the file is damaged ({error}). Results are safe in their storages, of which the catalog is an "
            "index: `holdall catalog rebuild` moves the file aside and makes a new one from them. Run history, "
            "literals and saved blocks are in the old file alone."
        )
    if _is_full(error, code, path):
        return CatalogError(f"{asked}: the disk is full ({error}). Free some space, or move HOLDALL_HOME elsewhere.")
    if code in _REFUSED or isinstance(error, OSError):
        return CatalogError(
            f"{asked}: the file or its folder cannot be opened for writing ({error}). Make the folder and the files in "
            "it writable, or point HOLDALL_HOME to a folder that is."
        )
    return CatalogError(f"{asked}: {error}. Check the disk and the values, then try again.")


def is_damage(error: BaseException | None, /) -> bool:
    """Whether the error, or one that it was made from, says that the file itself is no longer a catalog."""
    return error is not None and (_primary(error) in _DAMAGED or is_damage(error.__cause__))


def _primary(error: BaseException) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_full(error: BaseException, code: int | None, path: str) -> bool:
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    return code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and not _has_room(path))


def _has_room(path: str) -> bool:
    if not hasattr(os, "statvfs"):
        return True
    try:
        status = os.statvfs(os.path.dirname(path))
    except OSError:
        return True
    return status.f_bavail * status.f_frsize >= _ROOM
