"""Futures and states among inputs: found, waited for, replaced."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import pytest

from holdall.engine.future import Future, Futures
from holdall.engine.inputs import has_deferred, listed, pending, resolved
from holdall.engine.state import State


def done(value: Any) -> Future[Any]:
    inner: concurrent.futures.Future[Any] = concurrent.futures.Future()
    inner.set_result(State(type="completed", kind="task", run_id="", name="n", _value=value))
    return Future(inner, "n")


def waiting() -> Future[Any]:
    return Future(concurrent.futures.Future(), "n")


def test_only_containers_with_futures_are_rebuilt() -> None:
    """The others arrive as they are, the very objects."""
    plain = {"a": [1, (2, {3})]}
    mixed = [plain, {"f": done(5)}]
    found = resolved(mixed)

    assert plain is resolved(plain)
    assert [plain, {"f": 5}] == found
    assert plain is found[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((done(1), 2), (1, 2)),
        ({done(1)}, {1}),
        (Futures([done(1), done(2)]), [1, 2]),
        ({"a": {"b": [done([done(1)])]}}, {"a": {"b": [[1]]}}),
    ],
)
def test_each_kind_of_container_stays_one(value: Any, expected: Any) -> None:
    """What a future gave is walked no further than its own run walked it."""
    found = resolved(value)
    if isinstance(expected, dict):
        found["a"]["b"][0] = resolved(found["a"]["b"][0])

    assert expected == found
    assert type(expected) is type(found)


def test_long_and_circular_containers_cost_one_look() -> None:
    """A container that holds itself twice has endless paths."""
    odd: list[Any] = []
    odd += [odd, odd, {"odd": odd}]

    assert not has_deferred([odd, list(range(100_000))])
    odd.append(waiting())
    assert has_deferred([odd])


def test_pending_are_those_that_are_not_done() -> None:
    """Wherever they lie."""
    first, second = waiting(), waiting()

    assert [first, second] == list(pending([first, {"a": (done(1), second)}]))


def test_wait_for_takes_anything_that_can_be_listed() -> None:
    """A lone future counts as one."""
    future = waiting()

    assert [[], [future], [future], [future]] == [
        listed(None),
        listed(future),
        listed(each for each in [future]),
        listed({"a": future}.values()),
    ]
