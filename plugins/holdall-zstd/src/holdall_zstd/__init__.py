"""Serializer with Zstandard compression: smaller than gzip, and many times faster in both directions."""

from __future__ import annotations

from holdall_zstd.serializer import Zstandard, ZstdSerializer

__all__ = ["Zstandard", "ZstdSerializer"]
