"""A request is sent again where that can help, and not by everybody at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from holdall_fsspec.errors import BackendError
from holdall_fsspec.transfer.retry import backoff, retry


class FailedError(Exception):
    """An answer with a status, as azure and aiohttp raise it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def asked(status: int, attempts: int) -> tuple[int, BaseException]:
    """How often a request was sent that is always answered so, and what was raised in the end."""
    sent = 0

    async def ask() -> None:
        nonlocal sent
        sent += 1
        raise FailedError(status)

    with pytest.raises(FailedError) as caught:
        asyncio.run(retry(ask, attempts))
    return sent, caught.value


def test_what_may_pass_is_sent_again_and_counted() -> None:
    """The error says how often, for whoever has to know whether an answer was lost."""
    sent, error = asked(500, 3)

    assert 3 == sent
    assert 2 == BackendError.of(error).retries


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 416, 501, 507])
def test_what_stays_is_not_sent_again(status: int) -> None:
    """Refusals, conflicts and a full store are the same the next time."""
    sent, error = asked(status, 3)

    assert 1 == sent
    assert 0 == BackendError.of(error).retries


def test_pauses_grow_and_differ() -> None:
    """From nothing to a bound that doubles, further apart where the service is busy, and never beyond ten seconds."""
    many = [[backoff(attempt) for _ in range(500)] for attempt in range(4)]
    busy = [backoff(0, busy=True) for _ in range(500)]

    assert [True] * 4 == [0.05 * 2**n < max(each) <= 0.1 * 2**n for n, each in enumerate(many)]
    assert min(many[3]) < 0.1
    assert 0.25 < max(busy) <= 0.5
    assert 10 >= max(backoff(40) for _ in range(100))
