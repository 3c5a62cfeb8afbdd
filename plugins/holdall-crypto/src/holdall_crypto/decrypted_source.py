"""Source of the inner serializer over an encrypted file: all bytes that it returns are authenticated."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from holdall.errors import CorruptResultError
from holdall.serialization.sources import RangeReader
from holdall_crypto.frames import TAG, nonce

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from holdall.types import Buffer, Source, Trust
    from holdall_crypto.frames import Header


class DecryptedSource:
    """Source that decrypts the chunks of a requested range."""

    def __init__(self, source: Source, header: Header, cipher: AESGCM) -> None:
        self._source = source
        self._header = header
        self._cipher = cipher
        self._start = len(header.raw)
        body = source.size - self._start
        self._chunks = max(-(-body // (header.chunk + TAG)), 1)
        self.size = body - self._chunks * TAG
        if body - (self._chunks - 1) * (header.chunk + TAG) < TAG:
            raise CorruptResultError("The encrypted result was cut short: its last chunk is not whole.")

    @property
    def trust(self) -> Trust:
        return self._source.trust

    def buffer(self) -> Buffer:
        out = bytearray(self.size)
        with memoryview(out) as view:
            for number in range(self._chunks):
                at = number * self._header.chunk
                plain = self._chunk(number)
                view[at : at + len(plain)] = plain
        return out

    def read_range(self, start: int, stop: int, /) -> Buffer:
        start, stop = max(start, 0), min(stop, self.size)
        if start >= stop:
            return b""
        size = self._header.chunk
        first = start // size
        plain = b"".join(self._chunk(number) for number in range(first, -(-stop // size)))
        return memoryview(plain)[start - first * size : stop - first * size]

    def open(self) -> IO[bytes]:
        return io.BufferedReader(RangeReader(self), self._header.chunk)

    def _chunk(self, number: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        size = self._header.chunk + TAG
        at = self._start + number * size
        data = self._source.read_range(at, at + size)
        last = number == self._chunks - 1
        try:
            return self._cipher.decrypt(nonce(number, last=last), data, self._header.raw)
        except (InvalidTag, ValueError) as error:
            raise CorruptResultError(
                f"Chunk {number} of the encrypted result is not what was written there: it was changed, moved, cut short, or "
                "belongs to another result. Restore it from a copy, or delete the result so that it is computed again."
            ) from error
