"""Pickle serializer.

Internal: import `PickleSerializer` from `holdall.serializers`. The lazy name below serves old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.pickle.serializer import PickleSerializer

_HOMES = {
    "PickleSerializer": "serializer",
}

__all__ = [
    "PickleSerializer",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
