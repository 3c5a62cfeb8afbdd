"""Compressed formats of the standard library: gzip, bzip2 and xz."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, ClassVar, Final

from holdall.serialization.compression import Compression, Compressor, Decompressor

if TYPE_CHECKING:
    from holdall.types import Buffer

_XZ_MEMORY: Final = 256 << 20
"""Limit for the dictionary of xz, whose size its header chooses, up to 4 GiB; the strongest preset needs 65 MiB."""

_GZIP_WBITS: Final = 31


class _Gzip(Compression):
    name: ClassVar[str] = "zlib"
    media_type: ClassVar[str] = "application/gzip"
    suffix: ClassVar[str] = ".gz"
    levels: ClassVar[range] = range(10)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (zlib.error,)

    def compressor(self, level: int | None, /) -> Compressor:
        return zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION if level is None else level, wbits=_GZIP_WBITS)

    def decompressor(self) -> Decompressor:
        return _Gunzip()

    def storing(self) -> Compressor:
        return self.compressor(0)


class _Gunzip:
    """`zlib.decompressobj` with the interface of the decompressors of `bz2` and `lzma`."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(_GZIP_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return not self._full

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: Buffer, max_length: int, /) -> bytes:
        piece = self._engine.decompress(data or self._engine.unconsumed_tail, max_length)
        self._full = len(piece) == max_length
        return piece


class _Bzip2(Compression):
    name: ClassVar[str] = "bz2"
    media_type: ClassVar[str] = "application/x-bzip2"
    suffix: ClassVar[str] = ".bz2"
    levels: ClassVar[range] = range(1, 10)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, EOFError, ValueError)

    def compressor(self, level: int | None, /) -> Compressor:
        return bz2.BZ2Compressor(9 if level is None else level)

    def decompressor(self) -> Decompressor:
        return bz2.BZ2Decompressor()


class _Xz(Compression):
    name: ClassVar[str] = "lzma"
    media_type: ClassVar[str] = "application/x-xz"
    suffix: ClassVar[str] = ".xz"
    levels: ClassVar[range] = range(10)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (lzma.LZMAError, EOFError)

    def compressor(self, level: int | None, /) -> Compressor:
        return lzma.LZMACompressor(lzma.FORMAT_XZ, preset=level)

    def decompressor(self) -> Decompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


BUILTIN: Final[dict[str, Compression]] = {compression.name: compression for compression in (_Gzip(), _Bzip2(), _Xz())}
"""Formats by the name of their library."""
