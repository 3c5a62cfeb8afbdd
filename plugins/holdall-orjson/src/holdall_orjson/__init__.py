"""Results as JSON, in the form of holdall's json serializer, at the speed of orjson."""

from __future__ import annotations

from holdall_orjson.serializer import OrjsonSerializer

__all__ = ["OrjsonSerializer"]
