"""Serializer that compresses the bytes of another one.

Internal: import `CompressedSerializer` from `holdall.serializers`. The lazy name below serves old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.compressed.serializer import CompressedSerializer

_HOMES = {
    "CompressedSerializer": "serializer",
}

__all__ = [
    "CompressedSerializer",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
