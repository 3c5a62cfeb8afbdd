"""The plugin API: subclass one of these, point an entry point at the class, and holdall finds it.

`Component`, `StorageBlock` and `Serializer` stand on pydantic, which is imported when one of them is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.abc.block import StorageBlock
    from holdall.abc.catalog import Catalog
    from holdall.abc.codec import Codec
    from holdall.abc.component import Component
    from holdall.abc.compression import Compression, CompressionSerializer
    from holdall.abc.lock import Lease, LockManager
    from holdall.abc.progress import arriving
    from holdall.abc.runner import TaskRunner
    from holdall.abc.serializer import Serializer
    from holdall.abc.signature import SignatureScheme
    from holdall.abc.storage import Storage
    from holdall.abc.wrapping import WrappingSerializer

_HOMES = {
    "Catalog": "catalog",
    "Codec": "codec",
    "Component": "component",
    "Compression": "compression",
    "CompressionSerializer": "compression",
    "Lease": "lock",
    "LockManager": "lock",
    "Serializer": "serializer",
    "SignatureScheme": "signature",
    "Storage": "storage",
    "StorageBlock": "block",
    "TaskRunner": "runner",
    "WrappingSerializer": "wrapping",
    "arriving": "progress",
}

__all__ = [
    "Catalog",
    "Codec",
    "Component",
    "Compression",
    "CompressionSerializer",
    "Lease",
    "LockManager",
    "Serializer",
    "SignatureScheme",
    "Storage",
    "StorageBlock",
    "TaskRunner",
    "WrappingSerializer",
    "arriving",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"holdall.abc.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
