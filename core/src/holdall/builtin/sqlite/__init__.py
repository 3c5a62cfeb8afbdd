"""Catalog in an SQLite file.

Internal: programs read it through `holdall.catalog`. The lazy name below serves old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.sqlite.catalog import SQLiteCatalog

_HOMES = {
    "SQLiteCatalog": "catalog",
    "_rebuild": "catalog",  # which stored pickles name
}

__all__ = [
    "SQLiteCatalog",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
