"""Bytes through a `Compression`, out and in, in bounded memory."""

from __future__ import annotations

from itertools import chain
from typing import IO, TYPE_CHECKING, Final

from holdall.errors import CorruptResultError
from holdall.serialization.wrapping import Wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.serialization.compression import Compression, Compressor
    from holdall.types import Buffer, Parts

CHUNK: Final = 1 << 20
"""What a compressor is given at most, in bytes, and a decompressor asked for."""

_SLICES: Final = 8
_SLICE: Final = 8 << 10
_WORTH: Final = 0.9
"""Compressing has to save a tenth: less does not make up for its time, on the way out and on each way back."""


def inflate(file: IO[bytes], compression: Compression) -> Iterator[bytes]:
    """Pieces of at most `CHUNK` bytes, whatever the bytes claim: memory grows with what is really there."""
    name, errors = compression.name, compression.errors
    engine = compression.decompressor()

    def step(data: bytes) -> bytes:
        try:
            return engine.decompress(data, CHUNK)
        except errors as error:
            raise CorruptResultError(f"These bytes are not what {name} wrote: {error}.") from error

    ended = False
    while not ended and (chunk := file.read(CHUNK)):
        yield step(chunk)
        while not (ended := engine.eof) and not engine.needs_input:
            yield step(b"")
    if not ended:
        raise CorruptResultError(f"The data compressed with {name} ends too early.")
    if engine.unused_data or file.read(1):
        raise CorruptResultError(f"Something follows the end of the data compressed with {name}.")


class Compressing(Wrapped):
    """A stream of compressed parts, read once; `inner` is what it compresses, `taken` how many bytes of that so far."""

    def __init__(self, inner: Parts, compression: Compression, level: int | None) -> None:
        self.inner = inner
        self.taken = 0
        self._stream = self._compress(compression, level)

    def __iter__(self) -> Iterator[Buffer]:
        return self._stream

    def _compress(self, compression: Compression, level: int | None) -> Iterator[Buffer]:
        parts = iter(self.inner)
        ahead = list(parts) if isinstance(self.inner, list) else _first(parts)
        storing = compression.storing()
        pays = storing is None or _pays(ahead, compression.compressor(level))
        compressor = compression.compressor(level) if pays or storing is None else storing
        for part in chain(ahead, parts):
            view = memoryview(part).cast("B")
            self.taken += len(view)
            for start in range(0, len(view), CHUNK):
                if piece := compressor.compress(view[start : start + CHUNK]):
                    yield piece
        yield compressor.flush()


def _first(parts: Iterator[Buffer]) -> list[Buffer]:
    """As many as a sample is taken from."""
    taken, size = [], 0
    for part in parts:
        taken.append(part)
        size += len(part)
        if size >= CHUNK:
            break
    return taken


def _pays(parts: list[Buffer], compressor: Compressor) -> bool:
    """Whether slices from all over the parts get smaller; what is small is not worth the question."""
    size = sum(map(len, parts))
    if size < CHUNK:
        return True
    sample = _sample(parts, size // _SLICES)
    return len(compressor.compress(memoryview(sample))) + len(compressor.flush()) < _WORTH * len(sample)


def _sample(parts: list[Buffer], step: int) -> bytes:
    """The first bytes of each `step` bytes, over the borders of parts."""
    slices, at = [], 0
    for part in parts:
        view = memoryview(part)
        end = at + len(view)
        starts = range(at // step * step, end, step)
        slices += [view[max(start - at, 0) : max(start + _SLICE - at, 0)] for start in starts]
        at = end
    return b"".join(slices)
