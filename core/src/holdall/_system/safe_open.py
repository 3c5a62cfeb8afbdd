"""Safe opening of files by name: a link, a pipe or a device in their place is refused."""

from __future__ import annotations

import os
import stat
from errno import EINVAL, EISDIR, ELOOP
from typing import Final

# NOFOLLOW: a link may lead to a file of somebody's that is not ours to change. NONBLOCK: opening a pipe waits for its
# other end. Neither is there on Windows, where who makes a link must be trusted already.
_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_FOLDER: Final = (
    os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)


def open_own(path: str, flags: int, mode: int = 0o666, /) -> int:
    """Opens the regular file at `path`, which has no second name and whose folder is not a link; returns a descriptor.

    Raises:
        OSError: it cannot be opened, or is something else; that is left as it was.
    """
    if os.open not in os.supports_dir_fd:
        return _checked(os.open(path, flags | _FLAGS, mode), path, flags)
    folder, name = os.path.split(path)
    parent = os.open(folder or os.curdir, _FOLDER)
    try:
        return _checked(os.open(name, flags | _FLAGS, mode, dir_fd=parent), path, flags)
    finally:
        os.close(parent)


def open_to_read(path: str, /) -> int:
    """Opens the regular file at `path` to read, links followed; returns a descriptor.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    flags = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0)
    return _checked(os.open(path, os.O_RDONLY | flags), path, os.O_RDONLY)


def _checked(descriptor: int, path: str, flags: int) -> int:
    try:
        _check(os.fstat(descriptor), path, flags)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result, path: str, flags: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(EINVAL, "it is a pipe, a socket or a device, and no file", path)
    if flags & (os.O_WRONLY | os.O_RDWR) and status.st_nlink > 1:
        raise OSError(ELOOP, "the file has another name too, under which it may be somebody else's", path)


def refuse_linked(folder: str, /) -> None:
    """Raises `OSError` if a folder of our own is a link: what is written there would be stored elsewhere."""
    if os.path.islink(folder):
        raise OSError(ELOOP, "it is a symbolic link, and must be a folder", folder)
