"""Format of encrypted results: a header, and encrypted chunks that authenticate their order and the end.

Specified in `docs/reference/encrypted-format.md`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from holdall.types import Buffer, Parts

MAGIC: Final = b"\x89HDENC\r\n"
VERSION: Final = 1
CHUNK: Final = 1 << 20
TAG: Final = 16
KEY_SIZE: Final = 32
LONGEST_HEADER: Final = 4096
LARGEST_CHUNK: Final = 64 << 20
_FIXED: Final = struct.Struct(">8sBIHH")


class Header(NamedTuple):
    """Header before the chunks, not encrypted. `raw` is all of its bytes, which each chunk authenticates."""

    chunk: int
    key_id: str
    wrapped: bytes
    raw: bytes

    @classmethod
    def make(cls, key_id: str, wrapped: bytes, chunk: int = CHUNK) -> Header:
        name = key_id.encode()
        raw = _FIXED.pack(MAGIC, VERSION, chunk, len(name), len(wrapped)) + name + wrapped
        if len(raw) > LONGEST_HEADER:
            raise ValueError(f"a header of {len(raw)} bytes; the id and the wrapped key are too long")
        return cls(chunk, key_id, wrapped, raw)

    @classmethod
    def read(cls, data: bytes) -> Header:
        """Parses the header at the start of `data`, of which at most `LONGEST_HEADER` bytes are needed."""
        if len(data) < _FIXED.size or data[: len(MAGIC)] != MAGIC:
            raise CorruptResultError(f"These bytes do not start as an encrypted result does: {data[:8]!r}.")
        _, version, chunk, name, wrapped = _FIXED.unpack_from(data)
        if version != VERSION:
            raise CorruptResultError(
                f"The encrypted result is of version {version}, and this holdall-crypto reads {VERSION}. Upgrade it."
            )
        end = _FIXED.size + name + wrapped
        if not 0 < chunk <= LARGEST_CHUNK or end > min(len(data), LONGEST_HEADER):
            raise CorruptResultError("The header of the encrypted result is damaged.")
        try:
            key_id = data[_FIXED.size : _FIXED.size + name].decode()
        except UnicodeDecodeError as error:
            raise CorruptResultError("The header of the encrypted result is damaged.") from error
        return cls(chunk, key_id, data[_FIXED.size + name : end], data[:end])


def nonce(number: int, *, last: bool) -> bytes:
    """Returns the nonce of a chunk; unique, as each result has its own data key."""
    return number.to_bytes(11, "big") + bytes([last])


def encrypt(parts: Parts, header: Header, cipher: AESGCM, /) -> Iterator[Buffer]:
    """Encrypts parts as a file. One chunk at a time is in memory, beside the parts; large parts are not copied."""
    yield header.raw
    size, number = header.chunk, 0
    rest = bytearray()
    for part in parts:
        view = memoryview(part)
        if not view.nbytes:
            continue
        view = view.cast("B")
        # Only more than a chunk: the last one is known when there are no more parts.
        while len(rest) + len(view) > size:
            piece: Buffer = view[:size]
            view = view[size - len(rest) :]
            if rest:
                rest += piece[: size - len(rest)]
                piece, rest = rest, bytearray()
            yield cipher.encrypt(nonce(number, last=False), piece, header.raw)
            number += 1
        rest += view
    yield cipher.encrypt(nonce(number, last=True), rest, header.raw)
