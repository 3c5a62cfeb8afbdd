"""Settings from the environment, holdall.toml and pyproject.toml."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.settings.model import Settings, adjust_with, current
    from holdall.settings.sources import (
        BLOCK_PREFIX,
        DEFAULT,
        ENCRYPTION_KEY,
        OF_THE_USER,
        SECRET_KEY,
        SIGNING_KEY,
        default_home,
        options,
        variable,
    )

_HOMES = {
    "BLOCK_PREFIX": "sources",
    "DEFAULT": "sources",
    "ENCRYPTION_KEY": "sources",
    "OF_THE_USER": "sources",
    "SECRET_KEY": "sources",
    "SIGNING_KEY": "sources",
    "Settings": "model",
    "adjust_with": "model",
    "current": "model",
    "default_home": "sources",
    "options": "sources",
    "variable": "sources",
}

__all__ = [
    "BLOCK_PREFIX",
    "DEFAULT",
    "ENCRYPTION_KEY",
    "OF_THE_USER",
    "SECRET_KEY",
    "SIGNING_KEY",
    "Settings",
    "adjust_with",
    "current",
    "default_home",
    "options",
    "variable",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
