"""Serializers for tables of pandas, polars and pyarrow."""

from __future__ import annotations

from holdall_arrow.serializer import ArrowSerializer, ParquetSerializer

__all__ = ["ArrowSerializer", "ParquetSerializer"]
