"""Interfaces that a plugin implements: storage, serializer, catalog, lock manager, task runner, signature scheme.

Subclass one and point an entry point at the class. `Component`, `StorageBlock` and `Serializer` are pydantic models:
pydantic is imported on the first use of one of them.
"""

from __future__ import annotations

# As typing.TYPE_CHECKING, which type checkers know by its name: typing itself would be most of this import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.abc.block import StorageBlock
    from holdall.abc.catalog import Catalog
    from holdall.abc.codec import Codec
    from holdall.abc.component import Component
    from holdall.abc.lock import Lease, LockManager
    from holdall.abc.progress import arriving
    from holdall.abc.runner import TaskRunner
    from holdall.abc.serializer import Serializer
    from holdall.abc.signature import SignatureScheme
    from holdall.abc.storage import Storage

# Name here: module of this package.
_HOMES = {
    "Catalog": "catalog",
    "Codec": "codec",
    "Component": "component",
    "Lease": "lock",
    "LockManager": "lock",
    "Serializer": "serializer",
    "SignatureScheme": "signature",
    "Storage": "storage",
    "StorageBlock": "block",
    "TaskRunner": "runner",
    "arriving": "progress",
}

__all__ = [
    "Catalog",
    "Codec",
    "Component",
    "Lease",
    "LockManager",
    "Serializer",
    "SignatureScheme",
    "Storage",
    "StorageBlock",
    "TaskRunner",
    "arriving",
]


def __getattr__(name: str) -> Any:
    if name in {"Compression", "CompressionSerializer", "WrappingSerializer"}:
        from holdall._moved import attribute as moved

        return moved(__name__, name)
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
