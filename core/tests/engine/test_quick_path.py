"""The quick path and the generator of the engine: what they give, record and say is the same."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from holdall import flow, task
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.hooks import bus
from holdall.results.references import ResultReference
from holdall.settings.model import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.engine.state import State

pytestmark = pytest.mark.usefixtures("place")


@task
def inner(fails: bool) -> list[str]:
    if fails:
        raise KeyError("inner")
    return ["inner"]


def gives_none() -> None:
    return None


def gives_true() -> bool:
    return True


def gives_one() -> int:
    return 1


def gives_list() -> list[int]:
    return [1]


def fails() -> None:
    raise ValueError("body")


def interrupted() -> None:
    raise KeyboardInterrupt


def gives_future() -> Any:
    return inner.submit(False)


def gives_failed_future() -> Any:
    return inner.submit(True)


def leaves_failed_future() -> int:
    inner.submit(True)
    return 5


def gives_unpicklable() -> Any:
    return (each for each in "x")


def calls_another() -> Any:
    return inner(False)


BODIES = [
    gives_none,
    gives_true,
    gives_one,
    gives_list,
    fails,
    interrupted,
    gives_future,
    gives_failed_future,
    leaves_failed_future,
    gives_unpicklable,
    calls_another,
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"persist_result": True},
    {"persist_result": False},
    {"persist_result": True, "cache_result_in_memory": False},
    {"persist_result": True, "result_serializer": "json"},
    {"cache_key_fn": lambda *_: "k"},
]


class Listener:
    """Sends every call through the generator, as somebody listens."""

    @bus.hookimpl
    def run_finished(self, event: bus.RunFinished) -> None:
        """What it is told is tested elsewhere."""


def shown(result: Any) -> Any:
    return replace(result, key="", run_id=None) if isinstance(result, ResultReference) else result


def observed(call: Callable[[], State[Any]]) -> Any:
    """The state of a run, its value or error, its row and what was warned of, without ids and times."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = call()
    catalog = open_catalog(current())
    recorder_for(catalog).flush()
    row = catalog.run(state.run_id)
    assert row is not None
    value = state.result(raise_on_failure=False) if state.reference is not None or state.is_failed() else state._value
    return (
        (state.type, state.message, shown(state.reference), state.cached, state.attempts, state._value is value),
        (type(value), str(value)[:20]),
        (row.kind, row.name, row.state, row.message, row.cached, (row.result or "")[:20]),
        sorted(re.sub(r"[0-9a-f]{8,}", "", str(each.message)) for each in caught),
    )


@pytest.mark.parametrize("how", ["called", "submitted"])
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("body", BODIES)
def test_both_paths_give_record_and_say_the_same(body: Callable[[], Any], options: dict[str, Any], how: str) -> None:
    """Values, literals, failures, interrupts, futures and what cannot be stored; called and by a runner's worker."""
    if how == "submitted" and body is interrupted:
        body = fails  # a worker of a pool is never interrupted
    made = task(body, **options)

    seen: list[Any] = []

    @flow
    def around() -> None:
        seen.append(made.submit().state() if how == "submitted" else made(return_state=True))

    def observe() -> Any:
        return observed(lambda: (around(), seen.pop())[1])

    first = observe()
    quick = observe()
    with bus.listening(Listener()):
        long = observe()

    assert quick == long
    assert options.get("cache_key_fn") or first == quick
