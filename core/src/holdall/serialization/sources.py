"""A source as a file that can be read and sought."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdall.types import Source


class RangeReader(io.RawIOBase):
    """To be buffered: each read is one range."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is wider
        data = self._source.read_range(self._at, self._at + len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)
