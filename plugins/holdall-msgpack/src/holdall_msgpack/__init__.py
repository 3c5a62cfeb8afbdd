"""Serializer for MessagePack: smaller and quicker than JSON, readable in most languages."""

from __future__ import annotations

from holdall_msgpack.serializer import MsgpackSerializer

__all__ = ["MsgpackSerializer"]
