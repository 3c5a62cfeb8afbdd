"""Contract suite of a storage."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.testing.storage.contract import StorageContract

_HOMES = {
    "StorageContract": "contract",
}

__all__ = [
    "StorageContract",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
