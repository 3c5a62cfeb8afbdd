"""The `.npz` format: a zip archive of uncompressed `.npy` files, each of which can be read in place.

Written here and not by `numpy.savez`, which needs a file. Each member starts at a multiple of 64 bytes, and sizes are
before the data. The archive's comment has the type (dict, tuple or list); other readers ignore it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile, ZipInfo
from zlib import crc32

from holdall.errors import CorruptResultError
from holdall.serialization.sources import MemorySource
from holdall.types import Trust
from holdall_numpy import npy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from holdall.types import Buffer

_COMMENT: Final = "holdall:"
_KINDS: Final = {f"{_COMMENT}{kind}".encode(): kind for kind in ("dict", "tuple", "list")}
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_EXTRA: Final = struct.Struct("<2H3Q")
_LOCAL: Final = struct.Struct("<4s22x2H")
_PADDING: Final = 0xD935  # the field that Android's zipalign uses for the same purpose
_ZIP64: Final = 45
_FULL_16: Final = 0xFFFF
_FULL_32: Final = 0xFFFFFFFF


def parts(kind: str, members: Sequence[tuple[str, NDArray[Any]]], /) -> Iterator[Buffer]:
    """Yields the archive, always with 64-bit lengths. Contiguous arrays are parts without a copy."""
    offset, directory = 0, b""
    for name, array in members:
        head = npy.header(array)
        info = ZipInfo(f"{name}.npy")
        info.file_size = info.compress_size = len(head) + array.nbytes
        info.CRC = crc32(head)
        for piece in npy.pieces(array):
            info.CRC = crc32(piece, info.CRC)
        info.header_offset = offset
        local = _local(info)
        yield local + head
        yield from npy.pieces(array)
        offset += len(local) + info.file_size
        directory += _central(info)
    yield directory + _end(kind, len(members), offset, len(directory))


def _local(info: ZipInfo) -> bytes:
    bare = info.FileHeader(zip64=True)
    padding = -(info.header_offset + len(bare) + 4) % npy.ALIGNMENT
    info.extra = struct.pack("<2H", _PADDING, padding) + bytes(padding)
    local = info.FileHeader(zip64=True)
    info.extra = b""
    return local


def _central(info: ZipInfo) -> bytes:
    name = info.filename.encode()
    flags = 0 if info.filename.isascii() else 0x800
    extra = _EXTRA.pack(1, 24, info.file_size, info.compress_size, info.header_offset)
    year, month, day = info.date_time[:3]
    date = (year - 1980) << 9 | month << 5 | day
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            _ZIP64,
            _ZIP64,
            flags,
            0,
            0,
            date,
            info.CRC,
            _FULL_32,
            _FULL_32,
            len(name),
            len(extra),
            0,
            0,
            0,
            0,
            _FULL_32,
        )
        + name
        + extra
    )


def _end(kind: str, count: int, offset: int, size: int) -> bytes:
    comment = f"{_COMMENT}{kind}".encode()
    if not count:  # numpy.load recognises an empty archive by its start
        return _END.pack(b"PK\x05\x06", 0, 0, 0, 0, 0, 0, len(comment)) + comment
    return (
        _END_64.pack(b"PK\x06\x06", _END_64.size - 12, _ZIP64, _ZIP64, 0, 0, count, count, size, offset)
        + _LOCATOR.pack(b"PK\x06\x07", 0, offset + size, 1)
        + _END.pack(b"PK\x05\x06", 0, 0, _FULL_16, _FULL_16, _FULL_32, _FULL_32, len(comment))
        + comment
    )


def read(view: memoryview, /) -> dict[str, NDArray[Any]] | tuple[NDArray[Any], ...] | list[NDArray[Any]]:
    """Reads the arrays, each on its own part of the memory of `view`.

    The members' checksums are not verified: the payload's has been.

    Raises:
        CorruptResultError: the bytes are not those of `parts`.
    """
    try:
        with MemorySource(view, Trust()).open() as file, ZipFile(file) as archive:
            kind, infos = _KINDS.get(archive.comment), archive.infolist()
    except (BadZipFile, NotImplementedError, ValueError, OverflowError, OSError, struct.error) as error:
        raise CorruptResultError(f"The stored bytes are no .npz archive: {error}.") from error
    if kind is None:
        raise CorruptResultError("The stored .npz archive does not say what it was made of.")
    found, end = {}, 0
    for number, info in enumerate(infos):
        name, dot, suffix = info.filename.rpartition(".")
        if f"{dot}{suffix}" != ".npy" or name in found or (kind != "dict" and name != f"arr_{number}"):
            raise CorruptResultError(f"The stored .npz archive has a member {info.filename!r} that is out of place.")
        start, end = _bounds(view, info, end)
        found[name] = npy.read(view[start:end])
    if kind == "dict":
        return found
    return tuple(found.values()) if kind == "tuple" else list(found.values())


def _bounds(view: memoryview, info: ZipInfo, least: int) -> tuple[int, int]:
    """Returns start and stop of a member's data, after the previous member, so that no two arrays share memory."""
    start = info.header_offset + 30
    if info.header_offset >= least and start <= view.nbytes and not info.compress_type:
        magic, name, extra = _LOCAL.unpack_from(view, info.header_offset)
        start += name + extra
        end = start + info.file_size
        if magic == b"PK\x03\x04" and info.file_size == info.compress_size and end <= view.nbytes:
            return start, end
    raise CorruptResultError(f"The stored .npz archive does not hold {info.filename!r} as it was written.")
