"""Any serializer's bytes, compressed: a `Compression` says how, a `CompressionSerializer` does it in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import PlainSerializer

from holdall.abc._compressing import Compressing, inflate
from holdall.abc._inflated import Inflated
from holdall.abc.codec import Codec
from holdall.abc.serializer import Serializer
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from holdall.abc.policy import Policy
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


def _codec(given: Any) -> Codec:
    if isinstance(given, Codec):
        return given
    # The one look-up that an interface makes: a slug that the user wrote can only be resolved by the registry.
    find: Callable[[str], Codec] = import_module("holdall._registry").serializer
    if isinstance(given, str):
        return find(given)
    if isinstance(given, Mapping) and isinstance(given.get("type"), str) and not set(given) - {"type", "options"}:
        return type(find(given["type"])).from_options(given.get("options") or {})
    raise ConfigurationError(f"serializer is a slug or a serializer, not a {type(given).__name__}.")


def _document(codec: Codec) -> dict[str, Any]:
    return {"type": codec.slug, "options": codec.options()}


class CompressionSerializer(Serializer, ABC):
    """Compresses what `serializer` makes; no `level` is the format's own. Large results that do not shrink are stored.

    A subclass has a `compression`, and is found as `<slug>/<serializer>` then.
    """

    compression: ClassVar[Compression]

    serializer: Annotated[Any, PlainSerializer(_document)] = "pickle"
    level: int | None = None

    def __init__(
        self, *, serializer: str | Codec | Mapping[str, Any] = "pickle", level: int | None = None, **more: Any
    ) -> None:
        """`serializer` is a slug or a serializer.

        Raises:
            UnknownSerializerError: nothing goes by that slug.
            ConfigurationError: the level cannot be.
        """
        super().__init__(serializer=_codec(serializer), level=level, **more)  # type: ignore[call-arg]  # pydantic
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
        return self._inner.suffix + self.compression.suffix

    @property
    def trusted_only(self) -> bool:  # type: ignore[override]  # as media_type
        return self._inner.trusted_only

    @property
    def _inner(self) -> Codec:
        inner: Codec = self.serializer
        return inner

    def options(self) -> dict[str, Any]:
        rest = self.model_dump(mode="json", exclude_defaults=True, exclude={"serializer"})
        return {"serializer": _document(self._inner), **rest}

    def dump(self, obj: Any, /) -> Parts:
        return self.dump_as(obj)[1]

    def under(self, policy: Policy, /) -> Codec:
        inner = self._inner.under(policy)
        return self if inner is self._inner else self.model_copy(update={"serializer": inner})

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        inner, parts = self._inner.dump_as(obj)
        chosen = self if inner is self._inner else self.model_copy(update={"serializer": inner})
        return chosen, Compressing(parts, self.compression, self.level)

    def load(self, source: Source, /) -> Any:
        data = bytearray()
        with source.open() as file:
            for piece in inflate(file, self.compression):
                data += piece
        return self._inner.load(Inflated(data, source.trust))

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        return self._inner.written_with(parts.inner if isinstance(parts, Compressing) else parts)

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        self._inner.check_written_with(recorded)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.options() == other.options()

    __hash__ = Serializer.__hash__
