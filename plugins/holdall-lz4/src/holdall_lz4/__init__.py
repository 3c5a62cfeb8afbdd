"""Results compressed with LZ4: the least time for somewhat fewer bytes."""

from __future__ import annotations

from holdall_lz4.serializer import LZ4, LZ4Serializer

__all__ = ["LZ4", "LZ4Serializer"]
