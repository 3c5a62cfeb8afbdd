"""Any serializer's bytes, compressed into a file that gunzip, bunzip2 or unxz opens."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import PlainSerializer

from holdall.abc.codec import Codec
from holdall.abc.serializer import Serializer
from holdall.builtin.inflated import Inflated
from holdall.builtin.pickling import PickleCodec
from holdall.errors import ConfigurationError, CorruptResultError

if TYPE_CHECKING:
    from holdall.types import Buffer, Parts, Source

CHUNK: Final = 1 << 20
_XZ_MEMORY: Final = 256 << 20
"""An xz header chooses how much memory its dictionary takes, up to 4 GiB; the strongest preset needs 65 MiB."""

_GZIP_WBITS: Final = 31


CompressionLib: TypeAlias = Literal["zlib", "bz2", "lzma"]

_MEDIA_TYPES: Final = {"zlib": "application/gzip", "bz2": "application/x-bzip2", "lzma": "application/x-xz"}
_SUFFIXES: Final = {"zlib": ".gz", "bz2": ".bz2", "lzma": ".xz"}
_LEVELS: Final = {"zlib": range(10), "bz2": range(1, 10), "lzma": range(10)}


def _codec(given: Any) -> Codec:
    if isinstance(given, Codec):
        return given
    if given == "":
        return PickleCodec()
    # The one look-up that a built-in makes: a slug that the user wrote can only be resolved by the registry.
    find: Callable[[str], Codec] = import_module("holdall._registry").serializer
    if isinstance(given, str):
        return find(given)
    if isinstance(given, Mapping) and isinstance(given.get("type"), str) and not set(given) - {"type", "options"}:
        return type(find(given["type"])).from_options(given.get("options") or {})
    raise ConfigurationError(f"serializer is a slug or a serializer, not a {type(given).__name__}.")


def _document(codec: Codec) -> dict[str, Any]:
    return {"type": codec.slug, "options": codec.options()}


class CompressedSerializer(Serializer):
    """Compresses what `serializer` makes: gzip for `zlib`, bzip2 for `bz2`, xz for `lzma`; no `level` is theirs.

    `result_serializer="compressed/json"` is short for `CompressedSerializer(serializer="json")`.
    """

    slug: ClassVar[str] = "compressed"

    serializer: Annotated[Any, PlainSerializer(_document)] = PickleCodec()
    compressionlib: CompressionLib = "zlib"
    level: int | None = None

    def __init__(
        self,
        *,
        serializer: str | Codec | Mapping[str, Any] = "",
        compressionlib: CompressionLib = "zlib",
        level: int | None = None,
    ) -> None:
        """`serializer` is a slug or a serializer (pickle unless given).

        Raises:
            UnknownSerializerError: nothing goes by that slug.
            ConfigurationError: the library or the level cannot be.
        """
        levels = _LEVELS.get(compressionlib)
        if levels is None:
            raise ConfigurationError(f"compressionlib={compressionlib!r}: it is one of {', '.join(_LEVELS)}.")
        if level is not None and level not in levels:
            raise ConfigurationError(f"level={level!r}: {compressionlib} takes {levels[0]} to {levels[-1]}.")
        inner = _codec(serializer)
        super().__init__(serializer=inner, compressionlib=compressionlib, level=level)  # type: ignore[call-arg]  # pydantic

    @classmethod
    def from_slug(cls, inner: str, /) -> Self:
        """What `compressed/<inner>` means."""
        return cls(serializer=inner)

    @property
    def media_type(self) -> str:  # type: ignore[override]  # depends on the library, and stays read-only
        return _MEDIA_TYPES[self.compressionlib]

    @property
    def suffix(self) -> str:  # type: ignore[override]  # as media_type
        return self._inner.suffix + _SUFFIXES[self.compressionlib]

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
        return Compressing(self._inner.dump(obj), self._compressor())

    def load(self, source: Source, /) -> Any:
        data = bytearray()
        with source.open() as file:
            for piece in self._inflate(file):
                data += piece
        return self._inner.load(Inflated(data, source.trust))

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        return self._inner.written_with(parts.inner if isinstance(parts, Compressing) else parts)

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        self._inner.check_written_with(recorded)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompressedSerializer) and self.options() == other.options()

    __hash__ = Serializer.__hash__

    def _compressor(self) -> Any:
        level = self.level
        if self.compressionlib == "zlib":
            return zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION if level is None else level, wbits=_GZIP_WBITS)
        if self.compressionlib == "bz2":
            return bz2.BZ2Compressor(9 if level is None else level)
        return lzma.LZMACompressor(lzma.FORMAT_XZ, preset=level)

    def _inflate(self, file: IO[bytes]) -> Iterator[bytes]:
        """Pieces of at most `CHUNK` bytes, whatever the bytes claim: memory grows with what is really there."""
        engine = self._decompressor()

        def step(data: bytes) -> bytes:
            try:
                piece: bytes = engine.decompress(data, CHUNK)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                raise CorruptResultError(f"These bytes are not what {self.compressionlib} wrote: {error}.") from error
            return piece

        while not engine.eof and (chunk := file.read(CHUNK)):
            yield (piece := step(chunk))
            while len(piece) == CHUNK and not engine.eof:
                yield (piece := step(getattr(engine, "unconsumed_tail", b"")))
        if not engine.eof:
            raise CorruptResultError(f"The data compressed with {self.compressionlib} ends too early.")
        if engine.unused_data or file.read(1):
            raise CorruptResultError(f"Something follows the end of the data compressed with {self.compressionlib}.")

    def _decompressor(self) -> Any:
        if self.compressionlib == "zlib":
            return zlib.decompressobj(_GZIP_WBITS)
        if self.compressionlib == "bz2":
            return bz2.BZ2Decompressor()
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


class Compressing:
    """A stream of compressed parts, read once; `inner` is what it compresses, for `written_with`."""

    def __init__(self, inner: Parts, compressor: Any) -> None:
        self.inner = inner
        self._stream = self._compress(compressor)

    def __iter__(self) -> Iterator[Buffer]:
        return self._stream

    def _compress(self, compressor: Any) -> Iterator[Buffer]:
        for part in self.inner:
            view = memoryview(part).cast("B")
            for start in range(0, len(view), CHUNK):
                if piece := compressor.compress(view[start : start + CHUNK]):
                    yield piece
        yield compressor.flush()
