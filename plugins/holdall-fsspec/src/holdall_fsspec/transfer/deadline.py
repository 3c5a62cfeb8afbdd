"""Deadlines, and calls from a thread to the client's event loop within one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class Deadline:
    """End of an operation, `seconds` from now; None for no end."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float | None, /) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Returns the seconds left; raises `TimeoutError` if there are none."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the operation took longer than its timeout")
        return left


def start(loop: AbstractEventLoop, work: Coroutine[Any, Any, T], deadline: Deadline, /) -> Future[T]:
    """Starts a coroutine on the loop, which the deadline cancels there."""
    try:
        left = deadline.left()
    except TimeoutError:
        work.close()
        raise
    import asyncio

    return asyncio.run_coroutine_threadsafe(work if left is None else asyncio.wait_for(work, left), loop)


def finished(future: Future[T], /) -> T:
    """Waits for a result; cancels the work if this thread is interrupted."""
    from concurrent.futures import CancelledError

    try:
        return future.result()
    except CancelledError:
        raise ConnectionError("the operation was cancelled on its event loop") from None
    finally:
        future.cancel()  # without effect on one that is done


def run(loop: AbstractEventLoop, work: Coroutine[Any, Any, T], deadline: Deadline, /) -> T:
    """Runs a coroutine on the loop and waits for its result."""
    return finished(start(loop, work, deadline))
