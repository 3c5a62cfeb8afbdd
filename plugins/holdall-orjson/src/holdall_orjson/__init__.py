"""Serializer for JSON through orjson, in the format of holdall's json serializer."""

from __future__ import annotations

from holdall_orjson.serializer import OrjsonSerializer

__all__ = ["OrjsonSerializer"]
