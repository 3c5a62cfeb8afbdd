"""Listeners of this process as runs call them: whether there are any, and one typed method per event.

Without a listener, neither the events nor pluggy is imported. `holdall.hooks` registers listeners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    Kind = Literal["task", "flow"]


def _call_nobody(hook: str, /, **fields: object) -> None:
    """Does nothing: in use until `holdall.hooks` is imported, while there is no listener."""


class Listeners:
    """Calls the listeners of this process; `active` while there is one.

    `discovered`: installed ones have been looked for. `emit(hook, **fields)` is set by `holdall.hooks`.
    """

    __slots__ = ("active", "discovered", "emit")

    def __init__(self) -> None:
        self.active = False
        self.discovered = False
        self.emit: Callable[..., None] = _call_nobody

    def run_started(self, *, run_id: str, kind: Kind, name: str) -> None:
        """Calls the hook with a `RunStarted`."""
        if self.active:
            self.emit("run_started", run_id=run_id, kind=kind, name=name)

    def run_finished(
        self, *, run_id: str, kind: Kind, name: str, state: str, duration: float, cached: bool = False
    ) -> None:
        """Calls the hook with a `RunFinished`."""
        if self.active:
            self.emit(
                "run_finished", run_id=run_id, kind=kind, name=name, state=state, duration=duration, cached=cached
            )

    def result_written(self, *, reference: str, size: int, seconds: float) -> None:
        """Calls the hook with a `ResultWritten`."""
        if self.active:
            self.emit("result_written", reference=reference, size=size, seconds=seconds)

    def result_read(self, *, reference: str, size: int, seconds: float) -> None:
        """Calls the hook with a `ResultRead`."""
        if self.active:
            self.emit("result_read", reference=reference, size=size, seconds=seconds)

    def cache_hit(self, *, run_id: str, name: str, reference: str) -> None:
        """Calls the hook with a `CacheHit`."""
        if self.active:
            self.emit("cache_hit", run_id=run_id, name=name, reference=reference)

    def cache_miss(self, *, run_id: str, name: str, key: str) -> None:
        """Calls the hook with a `CacheMiss`."""
        if self.active:
            self.emit("cache_miss", run_id=run_id, name=name, key=key)

    def retry_scheduled(self, *, run_id: str, name: str, attempt: int, delay: float) -> None:
        """Calls the hook with a `RetryScheduled`."""
        if self.active:
            self.emit("retry_scheduled", run_id=run_id, name=name, attempt=attempt, delay=delay)


listeners: Final = Listeners()
