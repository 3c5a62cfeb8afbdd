"""Contract suite of a lock manager."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.testing.locks.contract import LockContract, taken

_HOMES = {
    "LockContract": "contract",
    "taken": "contract",
}

__all__ = [
    "LockContract",
    "taken",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
