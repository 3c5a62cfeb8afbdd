"""Locks between machines: leases, which are objects in a storage that their holder renews.

Internal: storages with conditional writes use it by themselves. The lazy names below serve old imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.leases.manager import LeaseManager, Unlocked

_HOMES = {
    "LeaseManager": "manager",
    "Unlocked": "manager",
}

__all__ = [
    "LeaseManager",
    "Unlocked",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
