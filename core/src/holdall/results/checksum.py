"""Checksum of a payload: a digest per chunk of 4 MiB and one over these; xxh3, or SHA-256 if the record is signed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self, cast

from xxhash import xxh3_64

from holdall.errors import CorruptResultError
from holdall.results.members import Members

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdall.types import Buffer

CHUNK: Final = 4 << 20
_LARGEST_CHUNK: Final = 64 << 20
"""Bytes: a reader holds one chunk in memory."""

Algorithm = Literal["xxh3_64", "sha256"]
_DIGITS: Final[dict[str, int]] = {"xxh3_64": 16, "sha256": 64}


class _Hash(Protocol):
    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...


def _hash(algorithm: str, /) -> _Hash:
    if algorithm == "xxh3_64":
        return xxh3_64()
    if algorithm == "sha256":
        from hashlib import sha256

        return sha256(usedforsecurity=True)
    raise ValueError(f"the checksum algorithm {algorithm!r:.40} is unknown here")


def _digest(algorithm: str, data: Buffer, /) -> bytes:
    made = _hash(algorithm)
    made.update(data)
    return made.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """Digests in hexadecimal: one a chunk, and one over the chunks' digests in binary."""

    chunks: tuple[str, ...]
    digest: str
    algorithm: Algorithm = "xxh3_64"
    chunk_size: int = CHUNK

    @classmethod
    def of(cls, chunks: Iterable[bytes], algorithm: Algorithm = "xxh3_64") -> Self:
        listed = tuple(chunks)
        digest = _digest(algorithm, b"".join(listed)).hex()
        return cls(chunks=tuple(each.hex() for each in listed), digest=digest, algorithm=algorithm)

    def json(self) -> str:
        chunks = ",".join(f'"{each}"' for each in self.chunks)
        return f'{{"algorithm":"{self.algorithm}","chunk_size":{self.chunk_size},"digest":"{self.digest}","chunks":[{chunks}]}}'

    @classmethod
    def from_json(cls, document: Any, /, *, size: int) -> Self:
        """The checksum of a payload of `size` bytes.

        Raises:
            ValueError: a member is odd, the algorithm unknown, or the list is not that of so many bytes or damaged.
        """
        found = Members(document, "checksum")
        algorithm = cast("Algorithm", found.one_of("algorithm", *_DIGITS))
        chunk_size = found.count("chunk_size", least=1, most=_LARGEST_CHUNK)
        chunks = tuple(found.texts_in("chunks"))
        if len(chunks) != -(-size // chunk_size):
            raise ValueError(f"there are {len(chunks)} chunk checksums for {size} bytes in chunks of {chunk_size}")
        digits = re.compile(f"[0-9a-f]{{{_DIGITS[algorithm]}}}").fullmatch
        if not all(map(digits, chunks)):
            raise ValueError(f"a chunk checksum is not {_DIGITS[algorithm]} lower-case hexadecimal digits")
        whole = _digest(algorithm, bytes.fromhex("".join(chunks))).hex()
        if whole != found.text("digest"):
            raise ValueError("the list of chunk checksums is damaged")
        return cls(chunks=chunks, digest=whole, algorithm=algorithm, chunk_size=chunk_size)

    def check(self, data: Buffer, /, *, first: int = 0, where: str) -> None:
        """Check whole chunks that start with number `first`.

        Raises:
            CorruptResultError: names the first chunk that differs.
        """
        view = memoryview(data)
        for number, start in enumerate(range(0, len(view), self.chunk_size), first):
            self.check_digest(number, _digest(self.algorithm, view[start : start + self.chunk_size]), where=where)

    def check_digest(self, number: int, found: bytes, /, *, where: str) -> None:
        """The same for one chunk whose digest is known."""
        if number >= len(self.chunks) or found.hex() != self.chunks[number]:
            offset = number * self.chunk_size
            raise CorruptResultError(
                f"{where} is damaged: the bytes from {offset} on are not those that were written (checksum of "
                f"chunk {number}). Restore it from a copy, or delete the result so that it is computed again."
            )


def verified(parts: Iterable[Buffer], expected: Checksum, /, *, size: int, where: str) -> Iterator[Buffer]:
    """Passes parts on (views, no copies); the end of a chunk only once the chunk has proved to be what was written.

    Raises:
        CorruptResultError: a chunk differs, or there are more or fewer bytes than `size`.
    """
    number, room, passed, hashed = 0, expected.chunk_size, 0, _hash(expected.algorithm)
    for part in parts:
        view = memoryview(part).cast("B")
        while len(view):
            piece, view = view[:room], view[room:]
            hashed.update(piece)
            room -= len(piece)
            passed += len(piece)
            if not room or passed == size:
                expected.check_digest(number, hashed.digest(), where=where)
                number, room, hashed = number + 1, expected.chunk_size, _hash(expected.algorithm)
            yield piece
    if passed != size:
        raise CorruptResultError(
            f"{where} has {passed} bytes, and {size} were written: it was cut short or replaced. Restore it from a copy, "
            "or delete the result so that it is computed again."
        )


class Checksummer:
    """Passes parts on, cut at chunk borders (views, no copies), and knows their checksum and size afterwards."""

    __slots__ = ("_algorithm", "_chunks", "_hash", "_room", "size")

    def __init__(self, algorithm: Algorithm = "xxh3_64") -> None:
        self._algorithm = algorithm
        self._chunks: list[bytes] = []
        self._hash = _hash(algorithm)
        self._room = CHUNK
        self.size = 0

    def through(self, parts: Iterable[Buffer]) -> Iterator[Buffer]:
        for part in parts:
            view = memoryview(part)
            if not view.nbytes:
                continue  # an empty array's shape cannot be cast
            if view.format != "B" or view.ndim != 1:
                view = view.cast("B")
            while len(view):
                piece, view = view[: self._room], view[self._room :]
                self._hash.update(piece)
                self._room -= len(piece)
                self.size += len(piece)
                if not self._room:
                    self._close_chunk()
                yield piece

    def _close_chunk(self) -> None:
        self._chunks.append(self._hash.digest())
        self._hash = _hash(self._algorithm)
        self._room = CHUNK

    def checksum(self) -> Checksum:
        if self._room < CHUNK:
            self._close_chunk()
        return Checksum.of(self._chunks, self._algorithm)
