"""`Source` over bytes in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.serialization.sources import MemorySource
from holdall.types import Trust

if TYPE_CHECKING:
    from holdall.types import Buffer


class BytesSource(MemorySource):
    """Source that reads from the bytes that it is given.

    `writable=False` hands out read-only views, as a storage does that cannot give private memory without a copy;
    `True` hands out a private copy.
    """

    def __init__(self, data: Buffer, /, *, trust: Trust | None = None, writable: bool = False) -> None:
        super().__init__(bytes(data), Trust() if trust is None else trust)
        self._writable = writable

    def buffer(self) -> Buffer:
        return bytearray(self._data) if self._writable else memoryview(self._data)
