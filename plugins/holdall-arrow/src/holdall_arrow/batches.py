"""Decompressed sizes of an Arrow file, from the headers of its record batches, before one is read.

pyarrow has no access to the positions of batches and buffers, so that they are read from the flatbuffers here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.ipc

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer

_MAGIC: Final = b"ARROW1"
_DICTIONARIES, _BATCHES = 2, 3
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_BLOCK: Final = struct.Struct("<qi4xq")
_BUFFER: Final = struct.Struct("<2q")
_COMPRESSION: Final = 3
_V5: Final = 4
_AS_IT_IS: Final = -1


class DecompressedSizes(NamedTuple):
    """Decompressed bytes of all dictionaries, and of each batch."""

    dictionaries: int
    batches: list[int]


def decompressed_sizes(read: Callable[[int, int], Buffer], size: int, /) -> DecompressedSizes:
    """Returns the decompressed sizes of an Arrow file of `size` bytes, which `read(start, stop)` reads.

    Raises:
        CorruptResultError: it is not an Arrow file.
    """
    try:
        tail = bytes(read(size - 10, size))
        length = int.from_bytes(tail[:4], "little", signed=True)
        if tail[4:] != _MAGIC or not 0 < length < size - 10:
            raise CorruptResultError("The stored bytes are no Arrow file: they do not end as one does.")
        footer = _Table.root(bytes(read(size - 10 - length, size - 10)))
        return DecompressedSizes(
            sum(_decompressed_size(read, size, block) for block in footer.structs(_DICTIONARIES, _BLOCK)),
            [_decompressed_size(read, size, block) for block in footer.structs(_BATCHES, _BLOCK)],
        )
    except (struct.error, IndexError) as error:
        raise CorruptResultError("The stored bytes are no Arrow file: a header of it does not lie in it.") from error


def _decompressed_size(read: Callable[[int, int], Buffer], size: int, block: tuple[int, ...]) -> int:
    offset, header, body = block
    if min(offset, header, body) < 0 or offset + header + body > size:
        raise CorruptResultError("The stored bytes are no Arrow file: a batch of it does not lie in it.")
    data = bytes(read(offset, offset + header))
    batch = _batch(_Table.root(data[8:] if data[:4] == b"\xff\xff\xff\xff" else data[4:]))
    if batch is None:
        raise CorruptResultError("The stored bytes are no Arrow file: a batch of it is none.")
    if batch.table(_COMPRESSION) is None:
        return 0
    total = 0
    for at, length in batch.structs(2, _BUFFER):
        if length:
            if not 0 <= at <= at + length <= body or length < 8:
                raise CorruptResultError("The stored bytes are no Arrow file: a buffer of it does not lie in it.")
            start = offset + header + at
            says = int.from_bytes(read(start, start + 8), "little", signed=True)
            if says < _AS_IT_IS:
                raise CorruptResultError("A compressed buffer of the stored Arrow file is of no size that can be.")
            total += 0 if says == _AS_IT_IS else says
    return total


def _batch(message: _Table) -> _Table | None:
    if message.byte(0) != _V5:  # before that, compression stood elsewhere
        raise CorruptResultError("The stored bytes are no Arrow file that holdall wrote: its version is another.")
    kind, batch = message.byte(1), message.table(2)
    if batch is not None and kind == _DICTIONARY_BATCH:
        return batch.table(1)
    return batch if kind == _RECORD_BATCH else None


def table_of_notes(stream: bytes, /) -> pa.Table:
    """Reads the table of a stream in the notes, which is not compressed and has at least a byte for each row.

    Raises:
        CorruptResultError: it is compressed, has more rows, or cannot be read.
    """
    try:
        for message in pa.ipc.MessageReader.open_stream(stream):
            batch = _batch(_Table.root(bytes(message.metadata)))
            if batch is not None and batch.table(_COMPRESSION) is not None:
                raise CorruptResultError("The notes of the stored table hold compressed values.")
    except (struct.error, IndexError) as error:
        raise CorruptResultError("The notes of the stored table hold values that cannot be read.") from error
    table = pa.ipc.open_stream(stream).read_all()
    table.validate(full=True)
    if table.num_rows > len(stream):
        raise CorruptResultError("The notes of the stored table have more values than they can hold.")
    return table


class _Table:
    """Table of a flatbuffer; raises `struct.error` for positions outside of it."""

    def __init__(self, data: bytes, at: int) -> None:
        if at < 0:
            raise IndexError
        self._data = data
        self._at = at
        self._fields = at - struct.unpack_from("<i", data, at)[0]
        if self._fields < 0:
            raise IndexError
        self._size = struct.unpack_from("<H", data, self._fields)[0]

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int | None:
        place = 4 + 2 * number
        if place + 2 > self._size:
            return None
        offset = struct.unpack_from("<H", self._data, self._fields + place)[0]
        return self._at + offset if offset else None

    def byte(self, number: int) -> int:
        at = self._field(number)
        return 0 if at is None else self._data[at]

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return None if at is None else _Table(self._data, at + struct.unpack_from("<I", self._data, at)[0])

    def structs(self, number: int, form: struct.Struct) -> Iterator[tuple[int, ...]]:
        at = self._field(number)
        if at is None:
            return
        at += struct.unpack_from("<I", self._data, at)[0]
        for index in range(struct.unpack_from("<I", self._data, at)[0]):
            yield form.unpack_from(self._data, at + 4 + index * form.size)
