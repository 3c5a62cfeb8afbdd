"""Tables of pandas, polars and pyarrow as results of holdall."""

from __future__ import annotations

from holdall_arrow.serializer import ArrowSerializer, ParquetSerializer

__all__ = ["ArrowSerializer", "ParquetSerializer"]
