"""Storage blocks by slug, path or URL; saving, secrets."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.blocks.lookup import (
        ANONYMOUS,
        BlockEntry,
        check_name,
        configured,
        define,
        find,
        listing,
        undefine,
    )
    from holdall.blocks.saving import delete, load, save
    from holdall.blocks.values import from_value

_HOMES = {
    "ANONYMOUS": "lookup",
    "BlockEntry": "lookup",
    "check_name": "lookup",
    "configured": "lookup",
    "define": "lookup",
    "delete": "saving",
    "find": "lookup",
    "from_value": "values",
    "listing": "lookup",
    "load": "saving",
    "save": "saving",
    "undefine": "lookup",
}

__all__ = [
    "ANONYMOUS",
    "BlockEntry",
    "check_name",
    "configured",
    "define",
    "delete",
    "find",
    "from_value",
    "listing",
    "load",
    "save",
    "undefine",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
