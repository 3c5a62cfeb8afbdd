"""The format, and the serializer that users configure and name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.serialization import Compression, CompressionSerializer

if TYPE_CHECKING:
    from holdall.serialization.compression import Compressor, Decompressor

_HEADER: Final = bytes.fromhex("04224d18 60 60 51")
"""Magic number; independent blocks without checksums, of at most 1 MiB; the check byte of the two before it."""

_BLOCK: Final = 1 << 20
_RAW: Final = 1 << 31
_END: Final = bytes(4)


class LZ4(Compression):
    name: ClassVar[str] = "lz4"
    media_type: ClassVar[str] = "application/x-lz4"
    suffix: ClassVar[str] = ".lz4"
    levels: ClassVar[range] = range(13)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (RuntimeError, EOFError)

    def compressor(self, level: int | None, /) -> Compressor:
        return _Compressing(level or 0)

    def decompressor(self) -> Decompressor:
        made: Decompressor = _library().LZ4FrameDecompressor()
        return made

    def storing(self) -> Compressor:
        return _Storing()


class LZ4Serializer(CompressionSerializer):
    """Compresses what `serializer` makes into a `.lz4` file. `level` is 0 (fastest, unless given) to 12 (smallest).

    `result_serializer="lz4/json"` is short for `LZ4Serializer(serializer="json")`. Large results that do not shrink
    are stored as they are, within the same format.
    """

    slug: ClassVar[str] = "lz4"
    compression: ClassVar[Compression] = LZ4()


class _Compressing:
    """The library's compressor, which wants its header to be asked for."""

    def __init__(self, level: int) -> None:
        frame = _library()
        self._engine = frame.LZ4FrameCompressor(block_size=frame.BLOCKSIZE_MAX1MB, compression_level=level)
        self._ahead: bytes = self._engine.begin()

    def compress(self, data: memoryview, /) -> bytes:
        made: bytes = self._ahead + self._engine.compress(data)
        self._ahead = b""
        return made

    def flush(self) -> bytes:
        made: bytes = self._ahead + self._engine.flush()
        return made


class _Storing:
    """A frame of raw blocks. The library makes them as well, but has to look for matches first."""

    def __init__(self) -> None:
        self._ahead = _HEADER

    def compress(self, data: memoryview, /) -> bytes:
        made: list[bytes | memoryview] = [self._ahead]
        self._ahead = b""
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            made += ((len(block) | _RAW).to_bytes(4, "little"), block)
        return b"".join(made)

    def flush(self) -> bytes:
        return self._ahead + _END


def _library() -> Any:
    return import_module("lz4.frame")
