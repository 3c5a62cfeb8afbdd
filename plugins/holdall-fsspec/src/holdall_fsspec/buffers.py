"""Where what is read lands: memory, or a mapped file that costs none."""

from __future__ import annotations

import mmap
from tempfile import TemporaryFile


def allocate(length: int, map_above: int | None, /) -> bytearray | memoryview:
    """So many bytes to write into; more than `map_above` are a temporary file without a name, which goes with them."""
    if map_above is None or length <= map_above:
        return bytearray(length)
    with TemporaryFile(prefix="holdall-") as file:
        file.truncate(length)
        return memoryview(mmap.mmap(file.fileno(), length))
