"""A request that is sent again: only where that can help, and not by everybody at the same moment."""

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


async def retry(ask: Callable[[], Awaitable[T]], attempts: int, /) -> T:
    """What comes of `ask()`, which is called up to `attempts` times while its failure is one that may pass.

    What is raised in the end says how often it was repeated: `BackendError.retries`. For clients whose library cannot be told
    what to repeat, or does not say how often it did: the first answer to a conditional write may have been lost.
    """
    from asyncio import sleep

    for attempt in range(attempts):
        try:
            return await ask()
        except Exception as error:
            failure = BackendError.of(error)
            if not failure.retryable or attempt + 1 == attempts:
                BackendError.mark(error, attempt)
                raise
            wait = backoff(attempt, busy=failure.busy)
        await sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def backoff(attempt: int, /, *, busy: bool = False) -> float:
    """Seconds before the next attempt, full jitter: `attempt` counts from 0, `busy` says that the service asked for it."""
    longest = (_FIRST_PAUSE_BUSY if busy else _FIRST_PAUSE) * 2**attempt
    return random.uniform(0, min(longest, _LONGEST_PAUSE))  # noqa: S311 - it spreads load, no more
