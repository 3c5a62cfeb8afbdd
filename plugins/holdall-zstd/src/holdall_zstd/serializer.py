"""The format, and the serializer that users configure and name."""

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
"""A header chooses how much memory its window takes; the strongest level, and the `zstd` tool, stop at 128 MiB."""


class Zstandard(Compression):
    name: ClassVar[str] = "zstd"
    media_type: ClassVar[str] = "application/zstd"
    suffix: ClassVar[str] = ".zst"
    levels: ClassVar[range] = range(-7, 23)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_library().ZstdError, EOFError)

    def compressor(self, level: int | None, /) -> Compressor:
        made: Compressor = _library().ZstdCompressor(level)
        return made

    def decompressor(self) -> Decompressor:
        zstd = _library()
        made: Decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
        return made

    def storing(self) -> Compressor:
        return _Storing()


class ZstdSerializer(CompressionSerializer):
    """Compresses what `serializer` makes into a `.zst` file. `level` is -7 (fastest) to 22 (smallest), 3 unless given.

    `result_serializer="zstd/json"` is short for `ZstdSerializer(serializer="json")`. Large results that do not shrink
    are stored as they are, within the same format.
    """

    slug: ClassVar[str] = "zstd"
    compression: ClassVar[Compression] = Zstandard()


class _Storing:
    """A frame of raw blocks. The library makes them as well, but has to look for matches first."""

    def __init__(self) -> None:
        self._ahead = _HEADER

    def compress(self, data: memoryview, /) -> bytes:
        made: list[bytes | memoryview] = [self._ahead]
        self._ahead = b""
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            made += ((len(block) << 3).to_bytes(3, "little"), block)
        return b"".join(made)

    def flush(self) -> bytes:
        return self._ahead + _END


def _library() -> Any:
    return import_module(_LIBRARY)
