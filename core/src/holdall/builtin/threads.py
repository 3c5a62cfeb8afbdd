"""Task runner in threads of this process, the default."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc.runner import TaskRunner

if TYPE_CHECKING:
    from holdall.types import Call


_MAX_WORKERS: Final = 32


class ThreadRunner(TaskRunner):
    """Runs calls in up to `max_workers` threads; by default 32, however few cores there are: most of a run is waiting.

    For calls that compute in Python a few threads are as fast, and hold fewer values in memory at once.
    """

    slug: ClassVar[str] = "threads"

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = _MAX_WORKERS if max_workers is None else max_workers
        self._pool = ThreadPoolExecutor(self.max_workers, thread_name_prefix="holdall")

    def submit(self, call: Call, /) -> Future[Any]:
        # Each call sees the run that submitted it, and changes no other context.
        return self._pool.submit(copy_context().run, call)

    def shutdown(self, *, wait: bool = True) -> None:
        self._pool.shutdown(wait)

    def duplicate(self) -> ThreadRunner:
        return ThreadRunner(self.max_workers)

    def __reduce__(self) -> Any:
        return ThreadRunner, (self.max_workers,)

    def __repr__(self) -> str:
        return f"ThreadRunner(max_workers={self.max_workers})"
