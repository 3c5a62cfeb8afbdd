"""The Zstandard format and its serializer."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.serialization import Compression, CompressionSerializer

if TYPE_CHECKING:
    from holdall.serialization.compression import Compressor, Decompressor

_LIBRARY: Final = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"

_HEADER: Final = bytes.fromhex("28b52ffd 00 38")
"""Magic number; neither size nor checksum; a window of 128 KiB, which is the longest that a block may be."""

_BLOCK: Final = 128 << 10
_END: Final = b"\x01\x00\x00"
"""The last block, empty."""

_WINDOW_LOG: Final = 27
"""Limit of the window that a header may demand: 128 MiB, as that of the strongest level and the `zstd` tool."""


class Zstandard(Compression):
    """The Zstandard format (RFC 8878)."""

    name: ClassVar[str] = "zstd"
    media_type: ClassVar[str] = "application/zstd"
    suffix: ClassVar[str] = ".zst"
    levels: ClassVar[range] = range(-7, 23)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_library().ZstdError, EOFError)

    def compressor(self, level: int | None, /) -> Compressor:
        compressor: Compressor = _library().ZstdCompressor(level)
        return compressor

    def decompressor(self) -> Decompressor:
        zstd = _library()
        decompressor: Decompressor = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        )
        return decompressor

    def storing(self) -> Compressor:
        return _RawCompressor()


class ZstdSerializer(CompressionSerializer):
    """Compresses the output of `serializer` into a `.zst` file. `level` is -7 (fastest) to 22 (smallest), 3 unless given.

    `result_serializer="zstd/json"` is short for `ZstdSerializer(serializer="json")`. Large results that do not shrink
    are stored as they are, within the same format.
    """

    slug: ClassVar[str] = "zstd"
    compression: ClassVar[Compression] = Zstandard()


class _RawCompressor:
    """Compressor that writes a frame of raw blocks; the library's would search for matches first."""

    def __init__(self) -> None:
        self._header = _HEADER

    def compress(self, data: memoryview, /) -> bytes:
        blocks: list[bytes | memoryview] = [self._header]
        self._header = b""
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            blocks += ((len(block) << 3).to_bytes(3, "little"), block)
        return b"".join(blocks)

    def flush(self) -> bytes:
        return self._header + _END


def _library() -> Any:
    return import_module(_LIBRARY)
