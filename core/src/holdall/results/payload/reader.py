"""Source of a stored payload: every byte that it returns has been checked."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from holdall.abc.progress import arriving, unwatched
from holdall.errors import CorruptResultError, KeyMissing, MissingResultError
from holdall.serialization.sources import RangeReader
from holdall.types import ByteRange, Trust

if TYPE_CHECKING:
    from holdall.results.checksum import Checksum
    from holdall.storage.guard import GuardedStorage
    from holdall.types import Buffer


class PayloadSource:
    """Reads a payload of a storage whole, or in ranges that are widened to whole chunks so that they can be checked."""

    __slots__ = ("_checksum", "_path", "_storage", "size", "trust")

    def __init__(self, storage: GuardedStorage, path: str, size: int, checksum: Checksum, trust: Trust) -> None:
        self._storage = storage
        self._path = path
        self._checksum = checksum
        self.size = size
        self.trust = trust

    def buffer(self) -> Buffer:
        data = self._get(None)
        if len(data) != self.size:
            raise CorruptResultError(
                f"{self._path} has {len(data)} bytes, and {self.size} were written: it was cut short or replaced. "
                "Restore it from a copy, or delete the result so that it is computed again."
            )
        self._checksum.check(data, where=self._path)
        return data

    def read_range(self, start: int, stop: int, /) -> Buffer:
        start, stop = max(start, 0), min(stop, self.size)
        if start >= stop:
            return b""
        chunk = self._checksum.chunk_size
        first = start // chunk
        begin, end = first * chunk, min(-(-stop // chunk) * chunk, self.size)
        data = self._get(ByteRange(begin, end))
        if len(data) != end - begin:
            raise CorruptResultError(
                f"{self._path} ends before byte {end}, and {self.size} bytes were written: it was cut short. "
                "Restore it from a copy, or delete the result so that it is computed again."
            )
        self._checksum.check(data, first=first, where=self._path)
        return memoryview(data)[start - begin : stop - begin]

    def open(self) -> IO[bytes]:
        return io.BufferedReader(RangeReader(self), self._checksum.chunk_size)

    def _get(self, byte_range: ByteRange | None) -> Buffer:
        if (arrived := arriving.get()) is unwatched:
            return self._asked(byte_range)
        told = False

        def tell(count: int) -> None:
            nonlocal told
            told = True
            arrived(count)

        token = arriving.set(tell)
        try:
            data = self._asked(byte_range)
        finally:
            arriving.reset(token)
        if not told:  # the storage says nothing while bytes arrive
            arrived(len(data))
        return data

    def _asked(self, byte_range: ByteRange | None) -> Buffer:
        try:
            return self._storage.get(self._path, byte_range=byte_range)
        except KeyMissing as error:
            raise MissingResultError(
                f"The payload {self._path} is gone, though its record is still there: somebody deleted it. "
                "Restore it from a copy, or delete the result so that it is computed again."
            ) from error
