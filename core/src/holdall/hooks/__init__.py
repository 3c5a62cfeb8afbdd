"""Events for listeners."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.hooks.bus import (
        CacheHit,
        CacheMiss,
        ResultRead,
        ResultWritten,
        RetryScheduled,
        RunFinished,
        RunStarted,
        active,
        discover,
        hookimpl,
        listen,
        listening,
        unlisten,
    )

_HOMES = {
    "CacheHit": "bus",
    "CacheMiss": "bus",
    "ResultRead": "bus",
    "ResultWritten": "bus",
    "RetryScheduled": "bus",
    "RunFinished": "bus",
    "RunStarted": "bus",
    "active": "bus",
    "discover": "bus",
    "hookimpl": "bus",
    "listen": "bus",
    "listening": "bus",
    "unlisten": "bus",
}

__all__ = [
    "CacheHit",
    "CacheMiss",
    "ResultRead",
    "ResultWritten",
    "RetryScheduled",
    "RunFinished",
    "RunStarted",
    "active",
    "discover",
    "hookimpl",
    "listen",
    "listening",
    "unlisten",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
