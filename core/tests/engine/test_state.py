"""States: what they hold and what they give."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from typing import Any

import pytest

from holdall import task
from holdall.engine.state import State
from holdall.errors import MissingResultError

pytestmark = pytest.mark.usefixtures("place")


def state(**more: Any) -> State[Any]:
    return State(**{"type": "completed", "kind": "task", "run_id": "r", "name": "n", **more})


def test_a_state_gives_its_value_also_where_that_is_none() -> None:
    """Blocking and awaited."""
    for value in (None, [1]):
        assert value == state(_value=value).result()
        assert value == asyncio.run(state(_value=value).aresult())


def test_a_state_without_value_or_result_says_what_to_do() -> None:
    """Never None in its place."""
    with pytest.raises(MissingResultError, match=r"kept no result. Set persist_result=True"):
        state().result()


def test_a_failure_is_raised_or_returned_as_it_is() -> None:
    """Each time the same object, with what raised it; asking leaves no circle behind."""
    error = ValueError("bad")
    failed = state(type="failed", _error=error)

    with pytest.raises(ValueError, match="bad") as caught:
        failed.result()
    assert error is caught.value
    assert error is failed.result(raise_on_failure=False)
    assert error is asyncio.run(failed.aresult(raise_on_failure=False))
    assert (True, False) == (failed.is_failed(), failed.is_completed())


def test_asking_a_failed_state_leaves_no_circle() -> None:
    """The traceback does not hold the state."""

    class Held(Exception):
        """Can be weakly referenced."""

    gc.disable()
    try:
        failed = state(type="failed", _error=Held())
        seen = weakref.ref(failed.result(raise_on_failure=False))
        with contextlib.suppress(Held):
            failed.result()
        del failed
        left = seen()
    finally:
        gc.enable()

    assert left is None


def test_a_state_that_let_go_reads_its_value_back() -> None:
    """Awaited as well; its text shows no value."""
    kept: Any = task(persist_result=True, cache_result_in_memory=False)(lambda: ["secret"])(return_state=True)

    assert ["secret"] == kept.result() == asyncio.run(kept.aresult())
    assert "secret" not in repr(kept)
