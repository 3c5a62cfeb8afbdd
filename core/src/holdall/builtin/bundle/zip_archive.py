"""Zip archives whose members are not compressed: written as a stream, and each member read in place."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from holdall.errors import CorruptResultError
from holdall.serialization.sources import PartsSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdall.types import Buffer, Parts, Source

ALIGNMENT: Final = 64
_LOCAL: Final = struct.Struct("<4s22x2H")
_EXTRA_64: Final = 20
_PADDING: Final = 0xD935  # the field that Android's zipalign uses for the same purpose
_BROKEN: Final = (BadZipFile, NotImplementedError, ValueError, OverflowError, OSError, EOFError, struct.error)


class Member(NamedTuple):
    """Position of the bytes of a member in its archive."""

    name: str
    start: int
    stop: int


def zip_parts(members: Iterable[tuple[str, Parts]], /) -> Iterator[Buffer]:
    """Yields the archive; large parts are passed on, not copied. Each member starts at a multiple of 64 bytes."""
    sink = PartsSink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for name, parts in members:
            info = ZipInfo(name)
            info.external_attr = 0o644 << 16
            start = sink.size + _LOCAL.size + len(name.encode()) + 4 + _EXTRA_64
            padding = -start % ALIGNMENT
            info.extra = struct.pack("<2H", _PADDING, padding) + bytes(padding)
            with archive.open(info, "w", force_zip64=True) as member:
                for part in parts:
                    if memoryview(part).nbytes:
                        member.write(memoryview(part).cast("B"))
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def members(source: Source, /) -> dict[str, Member]:
    """Returns the position of each member, by name.

    Raises:
        CorruptResultError: it is not an archive of uncompressed members that do not overlap.
    """
    try:
        with source.open() as file, ZipFile(file) as archive:
            infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    except _BROKEN as error:
        raise CorruptResultError(f"The stored bytes are no zip archive: {error}.") from error
    positions: dict[str, Member] = {}
    end = 0
    for info in infos:
        member = _bounds(source, info)
        if member is None or info.header_offset < end or info.filename in positions:
            raise CorruptResultError(f"The stored archive does not hold {info.filename!r} as it was written.")
        positions[info.filename], end = member, member.stop
    return positions


def _bounds(source: Source, info: ZipInfo) -> Member | None:
    head = bytes(source.read_range(info.header_offset, info.header_offset + _LOCAL.size))
    if len(head) < _LOCAL.size or info.compress_type != ZIP_STORED or info.file_size != info.compress_size:
        return None
    magic, name, extra = _LOCAL.unpack(head)
    start = info.header_offset + _LOCAL.size + name + extra
    stop = start + info.file_size
    return Member(info.filename, start, stop) if magic == b"PK\x03\x04" and stop <= source.size else None
