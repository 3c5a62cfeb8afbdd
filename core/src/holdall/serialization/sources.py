"""Sources for serializers, a file that reads a source by ranges, and a file that collects what a library writes."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdall.types import Buffer, Source, Trust


class Ranged(Protocol):
    """Bytes of a known size that are read by ranges. Each `Source` is one."""

    @property
    def size(self) -> int: ...
    def read_range(self, start: int, stop: int, /) -> Buffer: ...


class RangeReader(io.RawIOBase):
    """Seekable file over ranges: each read is one `read_range`. Wrap it in `io.BufferedReader` for small reads."""

    def __init__(self, source: Ranged) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence] + offset
        if at < 0:
            raise OSError(f"a position {-at} bytes before the start")  # as a file does, on which zipfile relies
        self._at = at
        return at

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is wider
        data = self._source.read_range(self._at, self._at + len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


class MemorySource:
    """A payload in memory as a `Source`. `buffer` returns the buffer itself; ranges and files read it in place.

    Args:
        data: the payload. A writable buffer must be private to whoever loads from this source.
        trust: what loading may do.
    """

    __slots__ = ("_data", "size", "trust")

    def __init__(self, data: Buffer, trust: Trust) -> None:
        self._data = data
        self.size = len(data)
        self.trust = trust

    def buffer(self) -> Buffer:
        return self._data

    def read_range(self, start: int, stop: int, /) -> Buffer:
        return memoryview(self._data)[max(start, 0) : max(stop, 0)]

    def open(self) -> IO[bytes]:
        # BytesIO shares the memory of bytes, and copies every other buffer.
        return io.BytesIO(self._data) if type(self._data) is bytes else io.BufferedReader(RangeReader(self))


class SourceSection:
    """The bytes `start` to `stop` of another source as a `Source`: a member of an archive, say."""

    __slots__ = ("_source", "_start", "size", "trust")

    def __init__(self, source: Source, start: int, stop: int, trust: Trust) -> None:
        self._source = source
        self._start = start
        self.size = stop - start
        self.trust = trust

    def buffer(self) -> Buffer:
        return self.read_range(0, self.size)

    def read_range(self, start: int, stop: int, /) -> Buffer:
        start, stop = max(start, 0), min(stop, self.size)
        return self._source.read_range(self._start + start, self._start + stop) if start < stop else b""

    def open(self) -> IO[bytes]:
        return io.BufferedReader(RangeReader(self))


class PartsSink:
    """Write-only file that collects what a library writes, for a serializer to yield as parts. It copies nothing.

    `size` is the number of bytes written so far.
    """

    closed = False

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[Buffer] = []

    def write(self, data: Buffer, /) -> int:
        """Stores the buffer itself: its writer must not change it afterwards."""
        part = data if isinstance(data, bytes) else memoryview(data)  # of a buffer that is only a protocol, at times
        count = len(part) if isinstance(part, bytes) else part.nbytes
        self._parts.append(part)
        self.size += count
        return count

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> list[Buffer]:
        """Returns what was written since the last call."""
        parts, self._parts = self._parts, []
        return parts
