"""Input and output of files, and their names. Raises `OSError`; callers know which key it was."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import ENOTDIR
from io import FileIO
from typing import TYPE_CHECKING

from holdall._system.safe_open import open_own

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.types import Buffer, Parts

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
LARGE = 64 << 10
_PIECE = 4 << 20


def open_new(path: str, /, *, fsync: bool) -> int:
    """Returns a descriptor of a new file; its folder is made only if opening fails without it."""
    try:
        return os.open(path, _WRITE, 0o666)
    except FileNotFoundError:
        make_folder(os.path.dirname(path), fsync=fsync)
        return os.open(path, _WRITE, 0o666)


def write(descriptor: int, parts: Parts, /, *, fsync: bool, failed: Callable[[OSError], Exception]) -> int:
    """Writes the parts, closes, returns the size. Errors of writing are mapped by `failed`, those of the parts are not."""
    try:
        size = _write_parts(descriptor, parts, failed)
        if fsync:
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise failed(error) from error
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            os.close(descriptor)
        raise
    try:
        os.close(descriptor)
    except OSError as error:  # where some network filesystems first say that they are full
        raise failed(error) from error
    return size


def _write_parts(descriptor: int, parts: Parts, failed: Callable[[OSError], Exception]) -> int:
    # Small parts are gathered by copy: whoever makes the parts may use one buffer for all of them.
    total, gathered = 0, bytearray()
    for part in parts:
        size = len(part) if type(part) is bytes else memoryview(part).nbytes
        total += size
        if size < LARGE:
            gathered += part
            if len(gathered) < LARGE:
                continue
        try:
            if gathered:
                _write_whole(descriptor, gathered)
                gathered = bytearray()
            if size >= LARGE:
                _write_whole(descriptor, part)
        except OSError as error:
            raise failed(error) from error
    if gathered:
        try:
            _write_whole(descriptor, gathered)
        except OSError as error:
            raise failed(error) from error
    return total


def _write_whole(descriptor: int, data: Buffer) -> None:
    written = os.write(descriptor, data)
    size = memoryview(data).nbytes
    while written < size:  # the system takes at most 2 GiB at once
        written += os.write(descriptor, memoryview(data).cast("B")[written:])


def read(descriptor: int, start: int, length: int, /, *, memory_map: bool = False) -> Buffer:
    """Reads up to `length` bytes from `start`, fewer only at the end of the file; a writable private view from `LARGE` up."""
    if length >= LARGE:
        return _mapped(descriptor, start, length) if memory_map else _read_large(descriptor, start, length)
    if start:
        os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, length)


def _mapped(descriptor: int, start: int, length: int) -> memoryview:
    import mmap

    skipped = start % mmap.ALLOCATIONGRANULARITY
    mapped = mmap.mmap(descriptor, skipped + length, access=mmap.ACCESS_COPY, offset=start - skipped)
    return memoryview(mapped)[skipped:]


def _read_large(descriptor: int, start: int, length: int) -> memoryview:
    import mmap

    # Pages fresh from the system are filled by the read itself, where bytearray(n) would write zeros over all first.
    # Private, because the default is shared with forked children.
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    memory = mmap.mmap(-1, length, **private)
    if hasattr(mmap, "MADV_HUGEPAGE") and length >= _PIECE:
        with suppress(OSError):  # some kernels are built without
            memory.madvise(mmap.MADV_HUGEPAGE)  # a fault per 2 MiB instead of one per 4 KiB
    view = memoryview(memory)
    file = FileIO(descriptor, closefd=False)
    file.seek(start)
    done = 0
    while done < length and (count := file.readinto(view[done : done + _PIECE])):
        done += count
    return view[:done]


def create(temporary: str, path: str, /, *, lock: Callable[[], str]) -> None:
    """Gives the finished file its name if no file has it: `FileExistsError` for all racers but one.

    `lock` names a file to lock where the filesystem has no hard links.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        # A file server that carries out one request twice reports our own link as that of another.
        if os.stat(temporary).st_nlink == 1:
            raise
    except OSError:
        _create_by_rename(temporary, path, lock())
        return
    discard(temporary)


def _create_by_rename(temporary: str, path: str, lock: str) -> None:
    try:
        from fcntl import LOCK_EX, flock
    except ImportError:
        os.rename(temporary, path)
        return
    with open(open_own(lock, os.O_RDWR | os.O_CREAT), "wb") as file:
        flock(file, LOCK_EX)  # released when the file is closed, by a SIGKILL too
        if os.path.lexists(path):
            raise FileExistsError
        os.replace(temporary, path)


def share(origin: str, temporary: str, path: str, /, *, fsync: bool) -> None:
    """Gives the regular file `origin` the name `path` too, replacing what had it."""
    if not stat.S_ISREG(os.lstat(origin).st_mode):
        raise OSError("only a file itself can be given another name")
    try:
        try:
            os.link(origin, temporary)
        except FileNotFoundError:
            make_folder(os.path.dirname(path), fsync=fsync)
            os.link(origin, temporary)
        os.replace(temporary, path)
        if fsync:
            sync_folder(os.path.dirname(path))
    finally:
        discard(temporary)  # also after success: renaming one name of a file over another of it does nothing at all


def no_folder(path: str, /) -> OSError | None:
    """Returns why there is no folder and none can be made; None if nothing is known to prevent it."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return None
    except FileNotFoundError:
        # It is made with the first object.
        return NotADirectoryError(ENOTDIR, "a symbolic link that leads nowhere") if os.path.islink(path) else None
    except PermissionError:
        return None  # the first object shows whether this user may
    except OSError as error:
        return error
    return NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR))


def make_folder(folder: str, /, *, fsync: bool) -> None:
    above: list[str] = []
    missing = folder
    while fsync and not os.path.isdir(missing):
        missing = os.path.dirname(missing) or "."
        above.append(missing)
    os.makedirs(folder, exist_ok=True)
    for changed in above:
        sync_folder(changed)


def sync_folder(folder: str, /) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there, and need not be
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(temporary: str, /) -> None:
    with suppress(OSError):  # it has its new name, or the disk failed: then the first error is the one to report
        os.unlink(temporary)
