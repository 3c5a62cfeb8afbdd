"""A `Source` over bytes in memory, for tests."""

from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING

from holdall.types import Trust

if TYPE_CHECKING:
    from holdall.types import Buffer


class BytesSource:
    """Gives back the bytes it was made of.

    `writable=False` hands out read-only views, as a storage does that cannot give private memory without a copy;
    `True` hands out a private copy.
    """

    def __init__(self, data: Buffer, /, *, trust: Trust | None = None, writable: bool = False) -> None:
        self._data = bytes(data)
        self._writable = writable
        self._trust = Trust() if trust is None else trust

    @property
    def trust(self) -> Trust:
        return self._trust

    @property
    def size(self) -> int:
        return len(self._data)

    def buffer(self) -> Buffer:
        return bytearray(self._data) if self._writable else memoryview(self._data)

    def read_range(self, start: int, stop: int, /) -> Buffer:
        return self._data[start:stop]

    def open(self) -> IO[bytes]:
        return BytesIO(self._data)
