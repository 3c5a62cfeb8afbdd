"""Writers of files that are visible only when they are complete."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from holdall.abc.keys import TEMPORARY
from holdall.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_fsspec.errors import Guard

_ATTEMPTS: Final = 5


def is_temporary(name: str, /) -> bool:
    """Whether a name is that of an unfinished file."""
    return name.rpartition("/")[2].startswith(TEMPORARY)


def make_folder(filesystem: Any, name: str, /) -> None:
    """Creates the folder of a file, and its parents."""
    folder = name.rpartition("/")[0]
    for attempt in range(_ATTEMPTS):
        try:
            filesystem.makedirs(folder, exist_ok=True)
        except OSError:  # perhaps because another writer creates one of them at the same moment
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            return


def save_whole(filesystem: Any, name: str, pending: Iterator[bytes], guard: Guard, /, *, block_size: int) -> int:
    """Writes a file on a filesystem that shows it only when it is committed; returns its size."""
    with guard:
        file = filesystem.open(name, "wb", block_size=block_size, autocommit=False)
    try:
        size = _write_all(file, pending, guard)
        with guard:
            file.close()
            file.commit()
    except BaseException:
        with suppress(Exception):  # the first error counts; closing would commit the part that was written
            file.closed = True
            file.discard()
        raise
    return size


def save_renamed(filesystem: Any, name: str, pending: Iterator[bytes], guard: Guard, /) -> int:
    """Writes a temporary file beside the target and renames it; returns its size."""
    parent = name.rpartition("/")[0]
    temporary = f"{parent}/{TEMPORARY}{new_id()}"
    try:
        with guard:
            file = filesystem.open(temporary, "wb")
        try:
            if hasattr(file, "set_pipelined"):  # otherwise paramiko waits for the response to each 32 KiB
                file.set_pipelined(pipelined=True)
            size = _write_all(file, pending, guard)
        finally:
            with guard:
                file.close()
        with guard:
            filesystem.mv(temporary, name)
    except BaseException:
        with suppress(Exception):  # the first error counts
            filesystem.rm_file(temporary)
        raise
    return size


def _write_all(file: Any, pending: Iterator[bytes], guard: Guard) -> int:
    size = 0
    for piece in pending:
        with guard:
            file.write(piece)
        size += len(piece)
    return size
