"""Between a caller's thread and the client's event loop: one call, or many at once, within one deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class Deadline:
    """When an operation must be over, `seconds` from now; None for never."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float | None, /) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds; raises `TimeoutError` where none are."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the operation took longer than its timeout")
        return left


def start(loop: AbstractEventLoop, work: Coroutine[Any, Any, T], deadline: Deadline, /) -> Future[T]:
    """Begin on the loop; the deadline cancels it there."""
    try:
        left = deadline.left()
    except TimeoutError:
        work.close()
        raise
    import asyncio

    return asyncio.run_coroutine_threadsafe(work if left is None else asyncio.wait_for(work, left), loop)


def finished(future: Future[T], /) -> T:
    """What came of it; where this thread is interrupted while it waits, the work is cancelled as well."""
    from concurrent.futures import CancelledError

    try:
        return future.result()
    except CancelledError:
        raise ConnectionError("the operation was cancelled on its event loop") from None
    finally:
        future.cancel()  # does nothing where it is done


def run(loop: AbstractEventLoop, work: Coroutine[Any, Any, T], deadline: Deadline, /) -> T:
    return finished(start(loop, work, deadline))
