"""submit and map: what may be passed, in which order it runs, and what fails how."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from holdall import HoldallWarning, as_completed, flow, task, unmapped, wait
from holdall.builtin.threads import ThreadRunner
from holdall.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("place")

inc = task(lambda x: x + 1)
add = task(lambda x, y=0: x + y)
same = task(lambda x: x)


def fails() -> None:
    raise ValueError("upstream")


failing = task(fails)


def test_futures_are_inputs_wherever_they_lie() -> None:
    """In lists, dicts and tuples, deep, finished or not."""

    @flow
    def outer() -> list[Any]:
        one, two = inc.submit(0), inc.submit(1)
        nested = {"a": [one, (two, {"b": one})], "c": 5}
        state = inc(2, return_state=True)
        return [same.submit(nested).result(), same(nested), same.submit([state]).result(), same([state])]

    expected = {"a": [1, (2, {"b": 1})], "c": 5}

    assert [expected, expected, [3], [3]] == outer()


def test_a_container_that_holds_itself_is_passed_as_it_is() -> None:
    """Also where it does so twice, which would take for ever to walk by paths."""
    odd: list[Any] = []
    odd += [odd, odd]

    assert same(odd) is odd
    assert same.submit(odd).result() is odd


def test_map_takes_iterables_of_every_kind() -> None:
    """Generators, keywords, constants, unmapped lists, futures of lists."""

    @flow
    def outer() -> list[Any]:
        lists = task(lambda: [1, 2]).submit()
        return [
            inc.map(each for each in range(3)).result(),
            add.map([1, 2], y=[10, 20]).result(),
            add.map([1, 2], y=5).result(),
            add.map([[1], [2]], y=unmapped([0])).result(),
            inc.map(lists).result(),
            add.map([1, 2], y=inc.submit(1)).result(),
            inc.map(inc.map([1, 2])).result(),
            inc.map([]).result(),
        ]

    assert [[1, 2, 3], [11, 22], [6, 7], [[1, 0], [2, 0]], [2, 3], [3, 4], [3, 4], []] == outer()


def test_map_refuses_unequal_lengths_and_nothing_to_map() -> None:
    """With the lengths, and the way out."""
    with pytest.raises(ConfigurationError, match=r"argument 1 has 2, y has 3.*unmapped"):
        add.map([1, 2], y=[1, 2, 3])
    with pytest.raises(ConfigurationError, match="needs an iterable"):
        add.map(1, y="text")


def test_a_failing_upstream_fails_what_needs_it() -> None:
    """With the very exception, as an input and in wait_for, waiting or finished."""
    seen = []

    @flow
    def outer() -> None:
        first = failing.submit()
        pending = inc.submit(first)
        wait([first])
        failing_too = [
            pending,
            inc.submit([first]),
            inc.submit(1, wait_for=[first]),
            inc.submit(1, wait_for=first),
            inc.submit(1, wait_for=iter([first])),
        ]
        seen.extend(future.result(raise_on_failure=False) for future in failing_too)
        with pytest.raises(ValueError, match="upstream"):
            inc(1, wait_for=[first])

    outer()

    assert 5 == len(seen)
    assert 1 == len({id(each) for each in seen})


def test_wait_for_orders_runs() -> None:
    """The second starts when the first is done."""
    order: list[str] = []
    gate = threading.Event()

    @flow
    def outer() -> None:
        first = task(lambda: gate.wait(10) and order.append("first")).submit()
        second = task(lambda: order.append("second")).submit(wait_for=[first])
        gate.set()
        second.result()

    outer()

    assert ["first", "second"] == order


def test_nested_submits_never_deadlock() -> None:
    """One worker each, five levels deep."""

    @flow(task_runner=ThreadRunner(1))
    def outer() -> int:
        return deep.submit(5).result()

    @task
    def deep(level: int) -> int:
        return 0 if level == 0 else sum(deep.map([level - 1] * 2).result()) + 1

    assert 31 == outer()


def test_a_thousand_mapped_tasks() -> None:
    """In order."""

    @flow
    def outer() -> list[int]:
        return inc.map(range(1000)).result()

    assert list(range(1, 1001)) == outer()


def test_an_unobserved_failure_warns_once() -> None:
    """When the flow ends; one that was asked for does not."""

    @flow
    def outer() -> int:
        failing.submit()
        failing.submit().result(raise_on_failure=False)
        same.submit(failing.submit()).result(raise_on_failure=False)
        return 1

    with pytest.warns(HoldallWarning, match="nobody asked for its result: ValueError: upstream") as warned:
        outer()

    assert 1 == len(warned)


def test_submit_outside_a_flow() -> None:
    """Also with inputs that are not ready, and for flows, coroutines and maps."""
    gate = threading.Event()

    @task
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    slow = task(lambda: gate.wait(10) and 1).submit()
    chained = inc.submit(inc.submit(slow))
    gate.set()
    mapped = add.map([1, 2], y=slow)

    assert 3 == chained.result(10)
    assert [2, 3] == mapped.result(10)
    assert 7 == later.submit(7).result(10)
    assert 2 == flow(lambda: inc.submit(1).result()).submit().result(10)


def test_a_flow_returns_the_results_of_the_futures_it_returns() -> None:
    """Nothing that it submitted outlives it."""

    @flow
    def outer() -> Any:
        return {"all": inc.map([1, 2])}

    assert {"all": [2, 3]} == outer()


def test_as_completed_gives_each_once_in_the_order_of_its_end() -> None:
    """The very futures."""
    gate = threading.Event()

    @flow
    def outer() -> None:
        slow = task(lambda: gate.wait(10)).submit()
        quick = inc.submit(1)
        listed = []
        for each in as_completed([slow, quick]):
            listed.append(each)
            gate.set()
        assert [quick, slow] == listed

    outer()


def test_timeouts_say_what_is_not_done() -> None:
    """result, state, wait and as_completed."""
    gate = threading.Event()

    @flow
    def outer() -> None:
        slow = task(name="slow")(lambda: gate.wait(10)).submit()
        done = inc.submit(1)
        done.wait()
        try:
            with pytest.raises(TimeoutError, match=r"slow is not done after 0\.01 s"):
                slow.result(0.01)
            with pytest.raises(TimeoutError):
                list(as_completed([slow], timeout=0.01))
            assert not slow.wait(0.01)
            assert ([done], [slow]) == wait([done, slow], timeout=0.01)
        finally:
            gate.set()

    outer()


def test_a_future_is_awaitable_in_an_async_flow() -> None:
    """Raising what failed; who stops waiting cancels nothing."""
    gate = threading.Event()

    @flow
    async def outer() -> list[Any]:
        with pytest.raises(ValueError, match="upstream"):
            await failing.submit()
        slow = task(lambda: gate.wait(10)).submit()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_of(slow), 0.01)
        gate.set()
        return [await inc.submit(1), await slow, await asyncio.gather(*(_of(each) for each in inc.map(range(50))))]

    async def _of(future: Any) -> Any:
        return await future

    assert [2, True, list(range(1, 51))] == asyncio.run(outer())


def test_async_tasks_wait_for_futures_without_the_threads_of_the_loop() -> None:
    """More of them than the loop has threads, on an input that one of the loop's coroutines must release."""
    gate = threading.Event()

    @task
    async def use(x: Any) -> Any:
        return x

    @flow
    async def outer() -> list[Any]:
        slow = task(lambda: gate.wait(10)).submit()
        waiting = [asyncio.create_task(use([slow])) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.set)
        return list(await asyncio.gather(*waiting))

    assert [[True]] * 50 == asyncio.run(outer())


def test_an_unknown_runner_is_refused() -> None:
    """By type."""
    with pytest.raises(ConfigurationError, match="task_runner is"):
        flow(task_runner=5)(lambda: inc.submit(1))()


def test_a_done_callback_gets_an_equal_future() -> None:
    """At once, where it is done already."""
    seen: list[Any] = []
    future = inc.submit(1)
    future.wait()
    future.add_done_callback(seen.append)

    assert [future] == seen
    assert hash(future) == hash(seen[0])
    assert repr(future).startswith("<Future")
