"""Base classes and tools for serializers: wrapping, compression, typed plain data, comparison."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.serialization.compression import Compression, CompressionSerializer, Compressor, Decompressor
    from holdall.serialization.wrapping import WrappingSerializer

_HOMES = {
    "Compression": "compression",
    "CompressionSerializer": "compression",
    "Compressor": "compression",
    "Decompressor": "compression",
    "WrappingSerializer": "wrapping",
}

__all__ = [
    "Compression",
    "CompressionSerializer",
    "Compressor",
    "Decompressor",
    "WrappingSerializer",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
