"""JSON serializer.

Internal: import `JSONSerializer` from `holdall.serializers`. The lazy name below serves old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.json.serializer import JSONSerializer

_HOMES = {
    "JSONSerializer": "serializer",
}

__all__ = [
    "JSONSerializer",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
