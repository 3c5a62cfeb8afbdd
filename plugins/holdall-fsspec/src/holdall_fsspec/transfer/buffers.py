"""Buffers for downloads: memory, or a mapped temporary file."""

from __future__ import annotations

import mmap
from tempfile import TemporaryFile


def allocate(length: int, map_above: int | None, /) -> bytearray | memoryview:
    """Allocates a writable buffer; one of more than `map_above` bytes is a temporary file, which is deleted with it."""
    if map_above is None or length <= map_above:
        return bytearray(length)
    with TemporaryFile(prefix="holdall-") as file:
        file.truncate(length)
        return memoryview(mmap.mmap(file.fileno(), length))
