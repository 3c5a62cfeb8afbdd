"""The LZ4 format and its serializer."""

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
    """The LZ4 frame format."""

    name: ClassVar[str] = "lz4"
    media_type: ClassVar[str] = "application/x-lz4"
    suffix: ClassVar[str] = ".lz4"
    levels: ClassVar[range] = range(13)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (RuntimeError, EOFError)

    def compressor(self, level: int | None, /) -> Compressor:
        return _Compressor(level or 0)

    def decompressor(self) -> Decompressor:
        decompressor: Decompressor = _library().LZ4FrameDecompressor()
        return decompressor

    def storing(self) -> Compressor:
        return _RawCompressor()


class LZ4Serializer(CompressionSerializer):
    """Compresses the output of `serializer` into a `.lz4` file. `level` is 0 (fastest, unless given) to 12 (smallest).

    `result_serializer="lz4/json"` is short for `LZ4Serializer(serializer="json")`. Large results that do not shrink
    are stored as they are, within the same format.
    """

    slug: ClassVar[str] = "lz4"
    compression: ClassVar[Compression] = LZ4()


class _Compressor:
    """The library's compressor, with the header before the first block."""

    def __init__(self, level: int) -> None:
        frame = _library()
        self._engine = frame.LZ4FrameCompressor(block_size=frame.BLOCKSIZE_MAX1MB, compression_level=level)
        self._header: bytes = self._engine.begin()

    def compress(self, data: memoryview, /) -> bytes:
        made: bytes = self._header + self._engine.compress(data)
        self._header = b""
        return made

    def flush(self) -> bytes:
        made: bytes = self._header + self._engine.flush()
        return made


class _RawCompressor:
    """Compressor that writes a frame of raw blocks; the library's would search for matches first."""

    def __init__(self) -> None:
        self._header = _HEADER

    def compress(self, data: memoryview, /) -> bytes:
        blocks: list[bytes | memoryview] = [self._header]
        self._header = b""
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            blocks += ((len(block) | _RAW).to_bytes(4, "little"), block)
        return b"".join(blocks)

    def flush(self) -> bytes:
        return self._header + _END


def _library() -> Any:
    return import_module("lz4.frame")
