"""Bundle serializer: one zip archive per result.

Internal: import `BundleSerializer` from `holdall.serializers`. The lazy names below serve old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.bundle.serializer import RESULT, VERSION, Bundled, BundleSerializer

_HOMES = {
    "BundleSerializer": "serializer",
    "Bundled": "serializer",
    "RESULT": "serializer",
    "VERSION": "serializer",
}

__all__ = [
    "RESULT",
    "VERSION",
    "BundleSerializer",
    "Bundled",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
