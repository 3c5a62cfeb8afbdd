"""Decompressed bytes, as the source of another serializer."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.types import Buffer, Trust


class Inflated:
    """The decompressed bytes as a `Source` of the inner serializer: private and writable."""

    def __init__(self, data: bytearray, trust: Trust) -> None:
        self._data = data
        self._trust = trust

    @property
    def trust(self) -> Trust:
        return self._trust

    @property
    def size(self) -> int:
        return len(self._data)

    def buffer(self) -> Buffer:
        return self._data

    def read_range(self, start: int, stop: int, /) -> Buffer:
        return memoryview(self._data)[start:stop]

    def open(self) -> IO[bytes]:
        return io.BufferedReader(_View(self._data))


class _View(io.RawIOBase):
    """Reads a bytearray in place, where BytesIO would copy it."""

    def __init__(self, data: bytearray) -> None:
        super().__init__()
        self._data = memoryview(data)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, into: Any, /) -> int:
        piece = self._data[self._at : self._at + len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
