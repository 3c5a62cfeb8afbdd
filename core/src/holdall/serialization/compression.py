"""Any serializer's bytes, compressed: a `Compression` says how, a `CompressionSerializer` does it in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from holdall.abc.bound import within
from holdall.errors import ConfigurationError
from holdall.serialization.compression_ import Compressing, inflate
from holdall.serialization.sources_ import Inflated
from holdall.serialization.wrapping import WrappingSerializer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.abc.codec import Codec
    from holdall.types import Buffer, Parts, Source


class Compressor(Protocol):
    def compress(self, data: memoryview, /) -> Buffer: ...
    def flush(self) -> Buffer: ...


class Decompressor(Protocol):
    """As the decompressors of `bz2` and `lzma`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Compression(ABC):
    """One compressed format. Its library is imported by the methods, when the first value moves."""

    name: ClassVar[str]
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    """What the name of a compressed file ends with, behind the extension of what is in it."""
    levels: ClassVar[range]

    @property
    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """What `Decompressor.decompress` raises for bytes that are not of this format."""

    @abstractmethod
    def compressor(self, level: int | None, /) -> Compressor: ...

    @abstractmethod
    def decompressor(self) -> Decompressor:
        """Its memory must not follow what the bytes claim."""

    def storing(self) -> Compressor | None:
        """Makes the same format without compressing, for data that would not shrink; None where it has no such way."""
        return None


class CompressionSerializer(WrappingSerializer, ABC):
    """Compresses what `serializer` makes; no `level` is the format's own. Large results that do not shrink are stored.

    A subclass has a `compression`, and is found as `<slug>/<serializer>` then.
    """

    compression: ClassVar[Compression]

    level: int | None = None

    def __init__(
        self, *, serializer: str | Codec | Mapping[str, Any] = "pickle", level: int | None = None, **more: Any
    ) -> None:
        """`serializer` is a slug or a serializer.

        Raises:
            UnknownSerializerError: nothing goes by that slug.
            ConfigurationError: the level cannot be.
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

    def unwrap(self, source: Source, /) -> Inflated:
        data = bytearray()
        left = source.trust
        with source.open() as file:
            for piece in inflate(file, self.compression):
                left = within(source.trust, len(data) + len(piece))
                data += piece
        return Inflated(data, left)
