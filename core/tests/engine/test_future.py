"""Futures by themselves; what submit makes of them is in test_submission."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import weakref
from typing import Any

import pytest

from holdall.engine.future import Future, Futures, as_completed, wait
from holdall.engine.state import State


def made() -> tuple[concurrent.futures.Future[Any], Future[Any]]:
    inner: concurrent.futures.Future[Any] = concurrent.futures.Future()
    return inner, Future(inner, "name")


def failed(error: BaseException) -> State[Any]:
    return State(type="failed", kind="task", run_id="", name="name", _error=error)


def test_a_timeout_does_not_count_as_asking() -> None:
    """Who gave up waiting has seen no failure."""
    inner, future = made()
    with pytest.raises(TimeoutError, match="The run of name is not done after 0 s"):
        future.result(0)
    error = ValueError("lost")
    inner.set_result(failed(error))

    assert error is future.unobserved_failure
    assert error is future.result(raise_on_failure=False)
    assert future.unobserved_failure is None


def test_a_run_that_fails_with_a_timeout_error_raises_its_own() -> None:
    """Not ours."""
    inner, future = made()
    error = TimeoutError("of the body")
    inner.set_result(failed(error))

    with pytest.raises(TimeoutError) as caught:
        future.result(1)
    assert error is caught.value


def test_wait_and_as_completed_keep_the_futures_themselves() -> None:
    """Duplicates once."""
    (first_inner, first), (_, second) = made(), made()
    first_inner.set_result(State(type="completed", kind="task", run_id="", name="name", _value=1))

    assert ([first], [second]) == wait([first, second], timeout=0)
    assert [first] == list(as_completed([first, first]))
    assert not Futures([first, second]).wait(0)
    with pytest.raises(TimeoutError):
        list(as_completed([second], timeout=0))


def test_awaiting_raises_the_failure() -> None:
    """And many may await one."""
    inner, future = made()
    error = ValueError("bad")
    inner.set_result(failed(error))

    async def main() -> list[Any]:
        async def one() -> Any:
            return await future

        return await asyncio.gather(one(), one(), return_exceptions=True)

    assert [error, error] == asyncio.run(main())


def test_a_callback_keeps_no_future_alive() -> None:
    """Neither before nor after it was called."""

    class Held:
        """Can be weakly referenced."""

    inner, future = made()
    value = Held()
    seen = weakref.ref(value)
    future.add_done_callback(lambda _: None)
    inner.set_result(State(type="completed", kind="task", run_id="", name="name", _value=value))
    gc.disable()
    try:
        del inner, future, value
        left = seen()
    finally:
        gc.enable()

    assert left is None
