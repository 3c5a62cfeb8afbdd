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
        Specs,
        active,
        cache_hit,
        cache_miss,
        discover,
        hookimpl,
        listen,
        listening,
        result_read,
        result_written,
        retry_scheduled,
        run_finished,
        run_started,
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
    "Specs": "bus",
    "active": "bus",
    "cache_hit": "bus",
    "cache_miss": "bus",
    "discover": "bus",
    "hookimpl": "bus",
    "listen": "bus",
    "listening": "bus",
    "result_read": "bus",
    "result_written": "bus",
    "retry_scheduled": "bus",
    "run_finished": "bus",
    "run_started": "bus",
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
    "Specs",
    "active",
    "cache_hit",
    "cache_miss",
    "discover",
    "hookimpl",
    "listen",
    "listening",
    "result_read",
    "result_written",
    "retry_scheduled",
    "run_finished",
    "run_started",
    "unlisten",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
