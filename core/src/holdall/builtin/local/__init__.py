"""Storage in a directory of the local file system.

Internal: import `LocalFileSystem` from `holdall.filesystems`. The lazy name below serves old imports and stored pickles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.local.block import LocalFileSystem

_HOMES = {
    "LocalFileSystem": "block",
}

__all__ = [
    "LocalFileSystem",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
