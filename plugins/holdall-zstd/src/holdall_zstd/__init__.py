"""Results compressed with Zstandard: smaller than gzip makes them, and many times faster both ways."""

from __future__ import annotations

from holdall_zstd.serializer import Zstandard, ZstdSerializer

__all__ = ["Zstandard", "ZstdSerializer"]
