"""Retries of requests: for transient failures only, with jittered backoff."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, TypeVar

from holdall_fsspec.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
_FIRST_PAUSE: Final = 0.1
_FIRST_PAUSE_BUSY: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


async def retry(send: Callable[[], Awaitable[T]], attempts: int, /) -> T:
    """Awaits `send()`, up to `attempts` times while its failure is transient, and returns the result.

    The exception that is raised in the end has the number of retries (`BackendError.retries`): the first response to a
    conditional write may have been lost. For libraries whose own retries cannot be configured or counted.
    """
    from asyncio import sleep

    for attempt in range(attempts):
        try:
            return await send()
        except Exception as error:
            failure = BackendError.of(error)
            if not failure.retryable or attempt + 1 == attempts:
                BackendError.mark(error, attempt)
                raise
            wait = backoff(attempt, busy=failure.busy)
        await sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def backoff(attempt: int, /, *, busy: bool = False) -> float:
    """Returns the seconds before the next attempt, with full jitter.

    Args:
        attempt: the number of the failed attempt, from 0.
        busy: whether the service demanded fewer requests.
    """
    longest = (_FIRST_PAUSE_BUSY if busy else _FIRST_PAUSE) * 2**attempt
    return random.uniform(0, min(longest, _LONGEST_PAUSE))  # noqa: S311 - only spreads load
