"""Framed pickle: one pickle stream and the large buffers outside it (docs/reference/pickle-format.md)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.types import Buffer

MAGIC: Final = b"\xf5holdpkl"
"""No pickle opcode is above 0x98, so no pickle starts like this."""

VERSION: Final = 1
ALIGNMENT: Final = 64

_HEAD: Final = struct.Struct("<8sIIQ")


def pack(stream: Sequence[Buffer], buffers: Sequence[memoryview], /) -> list[Buffer]:
    """Returns the parts of a frame, nothing copied. `buffers` are flat views of bytes, in the order of the stream."""
    length = sum(map(len, stream))
    sizes = struct.pack(f"<{len(buffers)}Q", *map(len, buffers))
    header = _HEAD.pack(MAGIC, VERSION, len(buffers), length) + sizes
    parts: list[Buffer] = [header, *stream]
    end = len(header) + length
    for buffer in buffers:
        padding = -end % ALIGNMENT
        if padding:
            parts.append(bytes(padding))
        parts.append(buffer)
        end += padding + len(buffer)
    return parts


def unpack(data: memoryview, /) -> tuple[memoryview, list[memoryview]]:
    """Returns the stream and the buffers, as slices of `data`.

    Raises:
        CorruptResultError: a length does not fit; nothing has been allocated by then.
    """
    size = len(data)
    if size < _HEAD.size:
        raise CorruptResultError(f"A framed pickle starts with {_HEAD.size} bytes of header; {size} bytes are there.")
    magic, version, count, length = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise CorruptResultError(f"A framed pickle starts with {MAGIC!r}, not with {magic!r}.")
    if version != VERSION:
        raise CorruptResultError(
            f"This framed pickle is of version {version}; this holdall reads version {VERSION}. If the bytes are "
            "whole, a newer holdall wrote them: read them with that."
        )
    start = _HEAD.size + 8 * count
    if start > size:
        raise CorruptResultError(f"This framed pickle promises {count} buffers and has no room to list them.")
    lengths = struct.unpack_from(f"<{count}Q", data, _HEAD.size)
    end = start + length
    bounds: list[tuple[int, int]] = []
    for size_of_buffer in lengths:
        begin = end + -end % ALIGNMENT
        end = begin + size_of_buffer
        bounds.append((begin, end))
    if end != size:
        raise CorruptResultError(f"This framed pickle promises {end} bytes and has {size}.")
    return data[start : start + length], [data[begin:stop] for begin, stop in bounds]
