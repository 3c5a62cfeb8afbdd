"""What a flow's body names, and what follows for each of those."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from holdall import flow, task
from holdall_cli.views.explain_tree import explanation, tasks_named_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@task
def one() -> int:
    return 1


@task(retries=1)
def two() -> int:
    return deep()


@task
def deep() -> int:
    return 3


STEPS = [one, two]
TABLE = {"deep": deep, "other": 1}
aside = ModuleType("aside")
aside.one, aside.two = one, two  # type: ignore[attr-defined]


class Steps:
    """Methods are tasks and flows too."""

    @task
    def first(self) -> int:
        return 1

    @flow
    def both(self) -> int:
        return self.first() + self.first()


@flow
def direct() -> int:
    return two() + one()


@flow
def nested() -> Any:
    def inner() -> Callable[[], int]:
        return lambda: one() + 1

    return [two() for _ in range(2)], inner()


@flow
def by_module() -> int:
    return aside.two()


@flow
def by_list() -> list[Any]:
    return [step() for step in STEPS]


@flow
def by_table() -> Any:
    return TABLE["deep"]()


@flow
def by_class() -> int:
    return Steps().first()


@flow
def recursive(depth: int) -> int:
    return recursive(depth - 1) + one() if depth else 0


@flow(persist_result=True, result_storage="./outer")
def outer() -> int:
    return direct() + one()


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def wrapped(fn: Any) -> Any:
    @functools.wraps(fn)
    def around(*args: Any) -> Any:
        return fn(*args)

    return around


@pytest.mark.parametrize(
    ("unit", "named"),
    [
        (direct, [two, one]),
        (nested, [two, one]),
        (by_module, [two]),
        (by_list, [one, two]),
        (by_table, [deep]),
        (by_class, [Steps.first]),
        (Steps.both, [Steps.first]),
        (recursive, [one]),
        (flow(wrapped(direct.fn)), [two, one]),
        (one, []),
    ],
)
def test_finds_what_a_body_names(unit: Any, named: list[Any]) -> None:
    """In globals, modules, classes, lists, dicts, in functions inside it and behind a decorator."""
    assert set(named) == set(tasks_named_by(unit))


def test_finds_them_in_the_order_of_the_body() -> None:
    """So that an explanation reads as the flow does."""
    assert [two, one] == tasks_named_by(direct)


def test_finds_what_a_closure_holds() -> None:
    """Itself, and in the functions inside."""
    local = task(one.fn, name="local")  # type: ignore[call-overload]
    steps = [two]

    @flow
    def closed() -> Any:
        return local(), [each() for each in steps]

    assert {local, two} == set(tasks_named_by(closed))


def test_looking_runs_nothing() -> None:
    """A module that loads its names when it is asked for them is not asked."""

    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was looked up")

    space = {"lazy": Lazy("lazy"), "flow": flow}
    exec("@flow\ndef asks():\n    return lazy.one()\n", space | {"__name__": "asks"}, space)  # noqa: S102 - a body of its own

    assert [] == tasks_named_by(space["asks"])  # type: ignore[arg-type]


def test_explains_each_with_the_flows_around_it() -> None:
    """Once per place: `one` is called by the outer flow and by the flow inside it."""
    found = [(each.name, each.persist.source, each.storage.reason.partition("(")[0]) for each in explanation(outer)]

    assert ["outer", "direct", "two", "deep", "one", "one"] == [name for name, _, _ in found]
    assert ["explicit", "flow", "retries", "flow", "flow", "flow"] == [source for _, source, _ in found]
    assert [
        next((name for name in ("direct", "outer") if f"flow {name!r} around it" in reason), None)
        for _, _, reason in found
    ] == [None, "outer", "direct", "direct", "direct", "outer"]


def test_explains_a_task_inside_the_flows_that_are_given() -> None:
    """As `explain(flow=…)` does."""
    assert [one.explain(flow=[outer, direct])] == explanation(one, around=[outer, direct])


def test_a_flow_that_calls_itself_is_explained_once() -> None:
    """And ends."""
    assert ["recursive", "one"] == [each.name for each in explanation(recursive)]


def test_what_is_inside_can_be_given() -> None:
    """As the command line does with what a run recorded."""
    inner = {outer: [two]}

    assert ["outer", "two"] == [each.name for each in explanation(outer, inner=lambda unit: inner.get(unit, []))]
