"""Compression for any serializer: a `Compression` is a format, a `CompressionSerializer` applies it in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, Protocol

from holdall.abc.bound import within
from holdall.errors import ConfigurationError, CorruptResultError
from holdall.serialization.sources import MemorySource
from holdall.serialization.wrapping import Wrapped, WrappingSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.codec import Codec
    from holdall.types import Buffer, Parts, Source

CHUNK: Final = 1 << 20
"""Limit, in bytes, of what a compressor gets and a decompressor is asked for at once."""

_SAMPLES: Final = 8
_SAMPLE_SIZE: Final = 8 << 10
_WORTHWHILE: Final = 0.9
"""Compressing has to save a tenth: less does not make up for its time in writing and in each reading."""


class Compressor(Protocol):
    """Compresses one stream, as the compressors of `bz2` and `lzma`."""

    def compress(self, data: memoryview, /) -> Buffer: ...
    def flush(self) -> Buffer: ...


class Decompressor(Protocol):
    """Decompresses one stream, as the decompressors of `bz2` and `lzma`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Compression(ABC):
    """One compressed format. Its methods import its library, when the first value is compressed."""

    name: ClassVar[str]
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    """File extension, added to that of the content."""
    levels: ClassVar[range]

    @property
    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """Exceptions that `Decompressor.decompress` raises for bytes that are not of this format."""

    @abstractmethod
    def compressor(self, level: int | None, /) -> Compressor:
        """Returns a compressor; without a level, one at the default level of the format."""

    @abstractmethod
    def decompressor(self) -> Decompressor:
        """Returns a decompressor whose memory does not depend on what the bytes claim."""

    def storing(self) -> Compressor | None:
        """Returns a compressor that stores in the same format, for data that would not shrink; None if the format cannot."""
        return None


def inflate(file: IO[bytes], compression: Compression) -> Iterator[bytes]:
    """Yields pieces of at most `CHUNK` bytes, whatever the bytes claim: memory grows with what is really there.

    Raises:
        CorruptResultError: the bytes are not of this format, end too early, or something follows them.
    """
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
    """Stream of compressed parts, read once. `inner` is what it compresses, `taken` the bytes of that so far."""

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
    """Reads as many parts as a sample is taken from."""
    head, size = [], 0
    for part in parts:
        head.append(part)
        size += len(part)
        if size >= CHUNK:
            break
    return head


def _pays(parts: list[Buffer], compressor: Compressor) -> bool:
    """Whether a sample from all over the parts gets smaller; small data is compressed without asking."""
    size = sum(map(len, parts))
    if size < CHUNK:
        return True
    sample = _sample(parts, size // _SAMPLES)
    return len(compressor.compress(memoryview(sample))) + len(compressor.flush()) < _WORTHWHILE * len(sample)


def _sample(parts: list[Buffer], step: int) -> bytes:
    """Returns the first bytes of each `step` bytes, across the borders of parts."""
    slices, at = [], 0
    for part in parts:
        view = memoryview(part)
        end = at + len(view)
        starts = range(at // step * step, end, step)
        slices += [view[max(start - at, 0) : max(start + _SAMPLE_SIZE - at, 0)] for start in starts]
        at = end
    return b"".join(slices)


class CompressionSerializer(WrappingSerializer, ABC):
    """Base class of a serializer that compresses the bytes of another one; large results that do not shrink are stored.

    A subclass has a `compression`. Its slug is `<slug>/<serializer>`, too. Without a `level`, the format's own is used.
    """

    compression: ClassVar[Compression]

    level: int | None = None

    def __init__(
        self, *, serializer: str | Codec | Mapping[str, Any] = "pickle", level: int | None = None, **more: Any
    ) -> None:
        """Checks the serializer and the level.

        Raises:
            UnknownSerializerError: there is no serializer of that slug.
            ConfigurationError: the format has no such level.
        """
        super().__init__(serializer=serializer, level=level, **more)
        compression = self.compression
        if level is not None and level not in compression.levels:
            raise ConfigurationError(
                f"level={level!r}: {compression.name} takes {compression.levels[0]} to {compression.levels[-1]}."
            )

    @property
    def media_type(self) -> str:  # type: ignore[override]  # depends on the compression, and stays read-only
        return self.compression.media_type

    @property
    def suffix(self) -> str:  # type: ignore[override]  # as media_type
        return self.inner.suffix + self.compression.suffix

    @property
    def expands(self) -> bool:  # type: ignore[override]  # whatever is inside
        return True

    def decoded_size(self, parts: Parts, /) -> int | None:
        if not isinstance(parts, Compressing):
            return None
        return parts.taken + (super().decoded_size(parts) or 0)

    def wrap(self, parts: Parts, /) -> Compressing:
        return Compressing(parts, self.compression, self.level)

    def unwrap(self, source: Source, /) -> MemorySource:
        data = bytearray()
        left = source.trust
        with source.open() as file:
            for piece in inflate(file, self.compression):
                left = within(source.trust, len(data) + len(piece))
                data += piece
        return MemorySource(data, left)
