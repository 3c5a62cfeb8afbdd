"""The decorators: bare, called, with options, and what a flow hands down to what runs inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from holdall import flow, task, unmapped
from holdall.builtin.threads import ThreadRunner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("place")


def body(x: int = 1) -> list[int]:
    return [x]


@pytest.mark.parametrize("decorator", [task, flow])
def test_a_decorator_is_bare_or_called(decorator: Any) -> None:
    """With the same outcome; options are those that were given."""
    for unit in (decorator(body), decorator()(body), decorator(name="other", retries=2)(body)):
        assert [3] == unit(3)
    assert ("other", 2) == (unit.name, unit.options.retries)


@pytest.mark.parametrize("decorator", [task, flow])
def test_with_options_leaves_the_original_alone(decorator: Any) -> None:
    """A copy, of the same kind."""
    unit = decorator(body)
    other = unit.with_options(name="other", persist_result=True)

    assert ("body", None) == (unit.name, unit.options.persist_result)
    assert ("other", True) == (other.name, other.options.persist_result)
    assert type(unit) is type(other)


def test_nested_flows_each_have_their_own_children(place: Path) -> None:
    """Storage is handed down from flow to flow, by what each resolved to."""
    inner_task = task(body)
    inner = flow(name="inner", retries=1)(lambda: [inner_task()])
    outer = flow(name="outer", persist_result=True, result_storage="./kept")(lambda: [inner()])
    outer()

    assert 3 == len(list((place / "kept" / "results").rglob("*.json")))
    assert not (place / ".holdall-results").exists()


def test_a_relative_storage_is_of_the_directory_where_the_run_started(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that changes the directory changes nothing."""
    (place / "elsewhere").mkdir()

    @flow
    def outer() -> None:
        monkeypatch.chdir(place / "elsewhere")
        task(persist_result=True)(body)()

    outer()

    assert (place / ".holdall-results").is_dir()
    assert [] == list((place / "elsewhere").iterdir())


def test_a_runner_given_to_a_flow_is_that_of_the_flows_inside() -> None:
    """Each with a pool of its own."""
    seen = []

    @flow
    def inner() -> None:
        from holdall.engine.run import current

        task(body).submit().wait()
        run = current.get()
        assert run is not None
        seen.append(run.runner)

    flow(task_runner=ThreadRunner(3))(lambda: [inner()])()

    assert ["ThreadRunner(max_workers=3)"] == [repr(each) for each in seen]


def test_unmapped_is_handed_on_whole() -> None:
    """Also where it is a text, a number or a future."""
    both = task(lambda x, y: (x, y))

    assert [(1, [5]), (2, [5])] == both.map([1, 2], unmapped([5])).result()
    assert [(1, "ab"), (2, "ab")] == both.map([1, 2], y="ab").result()
    assert [(1, [1]), (2, [1])] == both.map([1, 2], unmapped(task(body).submit())).result()
