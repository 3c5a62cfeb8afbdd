"""What a retry of a flow replays, and what it runs again; seen by who was called and what the catalog says."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from holdall import HoldallWarning, flow, task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mission.world import World


class Failures:
    """Fails as often as it is told to, then never again."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> None:
        """Raise while any are left."""
        if self.left:
            self.left -= 1
            raise ValueError("the flow fails")


@pytest.fixture
def called() -> Counter[Any]:
    """Whose body ran, how often."""
    return Counter()


PERSISTED: list[dict[str, Any]] = [
    {"persist_result": True},
    {"result_storage": "./own"},
    {"result_storage_key": "name-{task_run.id}"},
    {"cache_key_fn": lambda context, _: context.run.id},
    {"retries": 1},
]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", PERSISTED, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("value", [None, True, [1, 2]])
def test_a_persisted_child_is_replayed(called: Counter[Any], options: dict[str, Any], value: Any) -> None:
    """Whatever rule persisted it, literals included."""
    fail = Failures(2)

    @task(**options)
    def child(n: int) -> Any:
        called[n] += 1
        return value

    @flow(retries=2)
    def top() -> list[Any]:
        found = [child(1), child(2)]
        fail()
        return found

    assert [value, value] == top()
    assert {1: 1, 2: 1} == called


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("value", [None, True, [1, 2]])
@pytest.mark.parametrize("options", [{}, {"persist_result": False}, {"cache_key_fn": lambda _, __: None}])
def test_an_unpersisted_child_runs_again(called: Counter[Any], options: dict[str, Any], value: Any) -> None:
    """A literal stored under rule 7 does not count, nor what somebody said False to."""
    fail = Failures(1)

    @task(**options)
    def child() -> Any:
        called["child"] += 1
        return value

    @flow(retries=1)
    def top() -> Any:
        found = child()
        fail()
        return found

    assert value == top()
    assert {"child": 2} == called


@pytest.mark.usefixtures("world")
def test_the_same_call_several_times(called: Counter[Any]) -> None:
    """The n-th occurrence is replayed from the n-th: results that differ come back in their order."""
    fail = Failures(1)
    numbers = iter(range(100))

    @task(persist_result=True)
    def draw() -> int:
        called["draw"] += 1
        return next(numbers)

    drawn = []

    @flow(retries=1)
    def top() -> None:
        drawn.append([draw(), draw(), draw()])
        fail()

    top()

    assert [[0, 1, 2], [0, 1, 2]] == drawn
    assert 3 == called["draw"]


@pytest.mark.usefixtures("world")
def test_an_attempt_that_goes_further_runs_what_is_new(called: Counter[Any]) -> None:
    """What the first attempt did not reach runs; other inputs are another child."""
    fail = Failures(1)

    @task(persist_result=True)
    def child(n: int, *, more: str = "") -> str:
        called[n, more] += 1
        return f"{n}{more}"

    @flow(retries=1)
    def top() -> list[str]:
        first = child(1)
        fail()
        return [first, child(1), child(2), child(1, more="x")]

    assert ["1", "1", "2", "1x"] == top()
    assert {(1, ""): 2, (2, ""): 1, (1, "x"): 1} == called


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("how", ["submit", "map"])
def test_order_does_not_matter(called: Counter[Any], how: str) -> None:
    """Identity is by inputs, so that children of submit and map are replayed whatever order they run in."""
    fail = Failures(1)
    lock = threading.Lock()
    turns = [list(range(8)), list(range(7, -1, -1))]

    @task(persist_result=True)
    def square(n: int) -> int:
        with lock:
            called[n] += 1
        return n * n

    @flow(retries=1)
    def top() -> list[int]:
        turn = turns.pop(0)
        futures = square.map(turn) if how == "map" else [square.submit(n) for n in turn]
        found = [future.result() for future in futures]
        assert [n * n for n in turn] == found
        fail()
        return sorted(found)

    assert [n * n for n in range(8)] == top()
    assert dict.fromkeys(range(8), 1) == called


@pytest.mark.usefixtures("world")
def test_futures_among_the_inputs(called: Counter[Any]) -> None:
    """A child's inputs count by what they come to."""
    fail = Failures(1)

    @task(persist_result=True)
    def one() -> int:
        called["one"] += 1
        return 1

    @task(persist_result=True)
    def add(a: int, b: list[int]) -> int:
        called["add"] += 1
        return a + sum(b)

    @flow(retries=1)
    def top() -> int:
        found = add.submit(one.submit(), [one.submit(), 5]).result()  # type: ignore[arg-type, list-item]
        fail()
        return found

    assert 7 == top()
    assert {"one": 2, "add": 1} == called


@pytest.mark.usefixtures("world")
def test_inputs_that_cannot_be_hashed(called: Counter[Any]) -> None:
    """They mean that it runs again."""
    fail = Failures(1)

    @task(persist_result=True)
    def child(lock: Any) -> str:
        del lock
        called["child"] += 1
        return "value"

    @flow(retries=1)
    def top() -> str:
        found = child(each for each in ())
        fail()
        return found

    assert "value" == top()
    assert {"child": 2} == called


@pytest.mark.usefixtures("world")
def test_two_tasks_with_the_same_inputs(called: Counter[Any]) -> None:
    """The task is part of the identity."""
    fail = Failures(1)

    def make(name: str) -> Callable[[int], str]:
        if name == "a":

            @task(persist_result=True)
            def first(n: int) -> str:
                called["a"] += 1
                return f"a{n}"

            return first

        @task(persist_result=True)
        def second(n: int) -> str:
            called["b"] += 1
            return f"b{n}"

        return second

    a, b = make("a"), make("b")

    @flow(retries=1)
    def top() -> tuple[str, str]:
        found = (a(1), b(1))
        fail()
        return found

    assert ("a1", "b1") == top()
    assert {"a": 1, "b": 1} == called


@pytest.mark.usefixtures("world")
def test_a_nested_flow_is_replayed_whole(called: Counter[Any]) -> None:
    """A nested flow that is persisted is a child like any other; its own children do not run either."""
    fail = Failures(1)

    @task(persist_result=True)
    def leaf() -> str:
        called["leaf"] += 1
        return "leaf"

    @flow(persist_result=True)
    def nested() -> str:
        called["nested"] += 1
        return leaf() + "!"

    @flow(retries=1)
    def top() -> str:
        found = nested()
        fail()
        return found

    assert "leaf!" == top()
    assert {"leaf": 1, "nested": 1} == called


@pytest.mark.usefixtures("world")
def test_children_of_a_nested_flow_that_is_not_persisted(called: Counter[Any]) -> None:
    """It runs again, and its persisted children are replayed inside it."""
    fail = Failures(1)

    @task(persist_result=True)
    def leaf() -> str:
        called["leaf"] += 1
        return "leaf"

    @flow
    def nested() -> str:
        called["nested"] += 1
        return leaf() + "!"

    @flow(retries=1)
    def top() -> str:
        found = nested()
        fail()
        return found

    assert "leaf!" == top()
    assert {"leaf": 1, "nested": 2} == called


@pytest.mark.usefixtures("world")
def test_a_nested_flow_that_retries_itself(called: Counter[Any]) -> None:
    """Its own retries replay its children, and so does the retry of the flow around it."""
    inner_fails, outer_fails = Failures(1), Failures(1)

    @task(persist_result=True)
    def leaf(n: int) -> int:
        called[n] += 1
        return n

    @flow(retries=1)
    def nested() -> list[int]:
        called["nested"] += 1
        found = [leaf(1)]
        inner_fails()
        return [*found, leaf(2)]

    @flow(retries=1)
    def top() -> list[int]:
        found = [*nested(), leaf(1)]
        outer_fails()
        return found

    assert [1, 2, 1] == top()
    assert {1: 2, 2: 1, "nested": 2} == called


def test_children_in_processes(world: World, tmp_path: Path) -> None:
    """A worker's results are replayed by the process that submits."""
    marks = tmp_path / "marks"
    marks.mkdir()
    fail = Failures(1)

    @task(persist_result=True)
    def child(n: int) -> int:
        import uuid

        (marks / f"{n}-{uuid.uuid4()}").touch()
        return n * 10

    @flow(retries=1, task_runner="processes")
    def top() -> list[int]:
        found = child.map([1, 2, 3]).result()
        fail()
        return found

    assert [10, 20, 30] == top()
    assert ["1", "2", "3"] == sorted(path.name[0] for path in marks.iterdir())
    assert 2 == world.runs[0].attempts


def test_a_replay_that_cannot_be_read_runs_again(world: World, called: Counter[Any]) -> None:
    """With a warning: the retry goes on."""
    fail = Failures(1)

    @task(persist_result=True, result_storage="./own", cache_result_in_memory=False)
    def child() -> list[int]:
        called["child"] += 1
        return [1]

    @flow(retries=1)
    def top() -> list[int]:
        found = child()
        if fail.left:
            for file in (world.directory / "own").rglob("*.json"):
                file.unlink()
        fail()
        return found

    with pytest.warns(HoldallWarning, match="'child' runs again"):
        assert [1] == top()

    assert {"child": 2} == called


@pytest.mark.usefixtures("world")
def test_another_run_of_the_flow_replays_nothing(called: Counter[Any]) -> None:
    """Replays are for the attempts of one run; what lasts longer is caching."""

    @task(persist_result=True)
    def child() -> str:
        called["child"] += 1
        return "value"

    @flow(retries=1)
    def top() -> str:
        return child()

    top()
    top()

    assert {"child": 2} == called


@pytest.mark.usefixtures("world")
def test_a_flow_without_retries_replays_nothing(called: Counter[Any]) -> None:
    """Two calls with the same inputs are two runs."""

    @task(persist_result=True)
    def child() -> str:
        called["child"] += 1
        return "value"

    @flow
    def top() -> None:
        child()
        child()

    top()

    assert {"child": 2} == called


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", [{"persist_result": True}, {}, {"retries": 1}])
@pytest.mark.parametrize("kind", [task, flow])
def test_what_is_inside_another_run_counts_apart(kind: Any, options: dict[str, Any]) -> None:
    """Whether the run between is replayed whole, runs again or retries itself, each child gets its own result back."""
    fail = Failures(1)
    numbers = iter(range(100))
    drawn: list[Any] = []

    @task(persist_result=True)
    def draw() -> int:
        return next(numbers)

    def body(n: int) -> tuple[int, int]:
        return n, draw()

    nested = kind(name="nested", **options)(body)

    @flow(retries=1)
    def top() -> None:
        drawn.append([nested(1), draw(), nested(2), nested(1), draw()])
        fail()

    top()

    assert 2 == len(drawn)
    assert [(1, 0), 1, (2, 2), (1, 3), 4] == drawn[0] == drawn[1]


@pytest.mark.usefixtures("world")
def test_inside_a_run_whose_inputs_cannot_be_hashed() -> None:
    """That run runs again; what is kept inside it is replayed, each its own."""
    fail = Failures(1)
    numbers = iter(range(100))
    drawn: list[Any] = []

    @task(persist_result=True)
    def draw() -> int:
        return next(numbers)

    @flow(persist_result=True)
    def nested(lock: Any) -> int:
        del lock
        return draw()

    @flow(retries=1)
    def top() -> None:
        drawn.append([draw(), nested(threading.Lock()), nested(threading.Lock()), draw()])
        fail()

    top()

    assert [[0, 1, 2, 3], [0, 1, 2, 3]] == drawn


@pytest.mark.usefixtures("world")
def test_coroutines(called: Counter[Any]) -> None:
    """Awaited one by one or gathered."""
    fail = Failures(1)

    @task(persist_result=True)
    async def child(n: int) -> int:
        called[n] += 1
        return n

    @flow(retries=1)
    async def top() -> list[int]:
        found = [await child(0), *await asyncio.gather(*(child(n) for n in range(1, 5)))]
        fail()
        return found

    assert [0, 1, 2, 3, 4] == asyncio.run(top())  # type: ignore[arg-type]
    assert dict.fromkeys(range(5), 1) == called
