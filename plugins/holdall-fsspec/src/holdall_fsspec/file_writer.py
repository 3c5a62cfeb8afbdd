"""Files that are seen when they are complete: under their name at once, or under a temporary one and then renamed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from holdall.abc.keys import TEMPORARY
from holdall.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_fsspec.errors import Guard

_RACES: Final = 5


def is_temporary(name: str, /) -> bool:
    """Whether a file is one that is being written, or that a killed writer left."""
    return name.rpartition("/")[2].startswith(TEMPORARY)


def make_folder(filesystem: Any, name: str, /) -> None:
    """The folder that a file lies in, and those above it."""
    folder = name.rpartition("/")[0]
    for attempt in range(_RACES):
        try:
            filesystem.makedirs(folder, exist_ok=True)
        except OSError:  # perhaps as somebody makes one of them at the same moment
            if attempt + 1 == _RACES:
                raise
        else:
            return


def save_whole(filesystem: Any, name: str, pending: Iterator[bytes], guard: Guard, /, *, block_size: int) -> int:
    """Where the filesystem shows nothing before the end; returns the size."""
    with guard:
        file = filesystem.open(name, "wb", block_size=block_size, autocommit=False)
    try:
        size = _written(file, pending, guard)
        with guard:
            file.close()
            file.commit()
    except BaseException:
        with suppress(Exception):  # what went wrong before is what matters; closing would commit what is there of it
            file.closed = True
            file.discard()
        raise
    return size


def save_renamed(filesystem: Any, name: str, pending: Iterator[bytes], guard: Guard, /) -> int:
    """Where it shows what is half written: into a file beside it, then over it; returns the size."""
    parent = name.rpartition("/")[0]
    temporary = f"{parent}/{TEMPORARY}{new_id()}"
    try:
        with guard:
            file = filesystem.open(temporary, "wb")
        try:
            if hasattr(file, "set_pipelined"):  # paramiko waits for each 32 KiB to arrive otherwise
                file.set_pipelined(pipelined=True)
            size = _written(file, pending, guard)
        finally:
            with guard:
                file.close()
        with guard:
            filesystem.mv(temporary, name)
    except BaseException:
        with suppress(Exception):  # what went wrong before is what matters
            filesystem.rm_file(temporary)
        raise
    return size


def _written(file: Any, pending: Iterator[bytes], guard: Guard) -> int:
    size = 0
    for piece in pending:
        with guard:
            file.write(piece)
        size += len(piece)
    return size
