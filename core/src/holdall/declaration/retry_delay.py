"""Delays before retries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from holdall.errors import ConfigurationError

Delay = float | Sequence[float] | Callable[[int], Sequence[float]] | None


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Returns a value for `retry_delay_seconds`: `backoff_factor` seconds before the first retry, doubled before each next.

    Raises:
        ConfigurationError: `backoff_factor` is negative.
    """
    if backoff_factor < 0:
        raise ConfigurationError(f"backoff_factor is a number of seconds, and {backoff_factor} is negative.")

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2**retry for retry in range(retries)]

    return delays


def delay_before(retry: int, /, *, retries: int, delay: Delay) -> float:
    """Returns the seconds before retry number `retry` (from 1); the last entry of a list also counts for all later retries."""
    if delay is None:
        return 0.0
    if callable(delay):
        delay = delay(retries)
    if isinstance(delay, (int, float)):
        return max(float(delay), 0.0)
    return max(float(delay[min(retry, len(delay)) - 1]), 0.0) if delay else 0.0


def check_delay(delay: Any, /) -> None:
    """Checks a value of `retry_delay_seconds`.

    Raises:
        ConfigurationError: it has none of the accepted forms, or is negative.
    """
    if delay is None or callable(delay):
        return
    listed = [delay] if isinstance(delay, (int, float)) else delay
    is_list = isinstance(listed, Sequence) and not isinstance(listed, (str, bytes))
    if not is_list or not all(isinstance(each, (int, float)) and each >= 0 for each in listed):
        raise ConfigurationError(
            f"retry_delay_seconds is a number of seconds, a list of them, or a function of the number of retries that "
            f"returns such a list (as exponential_backoff(2)), not {delay!r}."
        )
