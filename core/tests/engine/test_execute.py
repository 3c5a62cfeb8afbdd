"""Calls, runs and what reaches the caller."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import traceback
import weakref
from pathlib import Path
from typing import Any

import pytest

from holdall import HoldallWarning, flow, load_result, task
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import ConfigurationError, PersistenceRequiredError, SerializationError, StorageError
from holdall.settings import model as settings

pytestmark = pytest.mark.usefixtures("place")


class Mute(Exception):
    """Cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


ERRORS = [
    ValueError("bad"),
    StopIteration(7),
    KeyboardInterrupt(),
    SystemExit(3),
    GeneratorExit(),
    BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError(1)]),
    Mute(),
    UnicodeError("\ud800"),
]


def raiser(error: BaseException) -> Any:
    def fail_here() -> None:
        raise error

    return fail_here


def rows() -> list[Any]:
    catalog = open_catalog(settings.current())
    recorder_for(catalog).flush()
    return catalog.runs(limit=1000)


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("decorate", [task, task(persist_result=True), task(retries=1, persist_result=True), flow])
def test_an_exception_reaches_the_caller_unchanged(error: BaseException, decorate: Any) -> None:
    """The very object, with the frame that raised it last in its traceback."""
    error = type(error)(*error.args)

    with pytest.raises(type(error)) as caught:
        decorate(raiser(error))()

    assert error is caught.value
    assert "fail_here" == traceback.extract_tb(caught.value.__traceback__)[-1].name
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
def test_an_exception_passes_through_a_flow_around_its_task(error: BaseException) -> None:
    """Two engines deep it is still the same object."""
    error = type(error)(*error.args)
    failing = task(persist_result=True)(raiser(error))

    @flow
    def outer() -> None:
        failing()

    with pytest.raises(type(error)) as caught:
        outer()

    assert error is caught.value


@pytest.mark.parametrize(
    "error",
    [each for each in ERRORS if not isinstance(each, (StopIteration, GeneratorExit))],
    ids=lambda each: type(each).__name__,
)
def test_an_exception_reaches_the_caller_of_an_async_task_unchanged(error: BaseException) -> None:
    """A coroutine cannot raise StopIteration, and GeneratorExit throws it away; all else passes."""
    error = type(error)(*error.args)

    @task(persist_result=True)
    async def failing() -> None:
        raise error

    async def main() -> BaseException | None:
        try:
            await failing()
        except BaseException as caught:  # noqa: BLE001 - the loop would end on some of them
            return caught
        return None

    assert error is asyncio.run(main())


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
def test_an_exception_reaches_whoever_asks_a_future(error: BaseException) -> None:
    """Raised by result(), returned with raise_on_failure=False."""
    error = type(error)(*error.args)

    @flow
    def outer() -> tuple[Any, Any]:
        future = task(raiser(error)).submit()
        try:
            future.result()
        except BaseException as caught:  # noqa: BLE001 - compared below
            return caught, future.result(raise_on_failure=False)
        return None, None

    raised, returned = outer()

    assert error is raised
    assert error is returned


def test_a_failed_run_is_recorded_with_what_can_be_told() -> None:
    """A message that cannot be made does not hide the failure."""
    with pytest.raises(Mute):
        task(raiser(Mute()))()

    assert [("failed", "Mute: <its str() raises RuntimeError>")] == [(row.state, row.message) for row in rows()]


def test_return_state_gives_the_state_whatever_happens() -> None:
    """By keyword and by option."""
    error = ValueError("bad")
    failed = task(raiser(error))(return_state=True)
    completed = task(lambda: 5).with_options(return_state=True)()

    assert ("failed", error) == (failed.type, failed.result(raise_on_failure=False))
    assert ("completed", 5) == (completed.type, completed.result())


def test_a_plain_call_touches_no_disk(place: Path) -> None:
    """Neither home nor results are made while the flow runs; its end records all."""
    seen = []

    @task
    def plain() -> str:
        return "value"

    @flow
    def outer() -> int:
        for _ in range(10):
            plain()
        seen.extend(place.iterdir())
        return 1

    outer()

    assert [] == seen
    assert 11 == len(rows())
    assert not (place / ".holdall-results").exists()


def test_the_end_of_the_outermost_flow_writes_everything(place: Path) -> None:
    """Another process sees the runs at once."""

    @flow
    def outer() -> int:
        task(lambda: 1)()
        return 1

    outer()
    code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from runs').fetchone()[0])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(place / "home" / "catalog.db")], capture_output=True, text=True, check=True
    )

    assert "2" == done.stdout.strip()


def test_a_persisted_literal_survives_a_kill_right_after_the_call(place: Path) -> None:
    """When the call has returned, the catalog has it."""
    script = """
    import os, signal
    from holdall import task
    @task(persist_result=True, name="sure")
    def sure(): return True
    sure()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=place, check=False)
    (row,) = rows()

    assert -9 == done.returncode
    assert ("sure", "completed") == (row.name, row.state)
    assert load_result(run=row.id) is True


def test_an_unwritable_catalog_stops_nothing(place: Path) -> None:
    """One warning; literals lie in storage instead, and everything is found by storage and key."""
    (place / "home").write_text("a file where a folder should be")

    @task(persist_result=True)
    def literal() -> bool:
        return True

    @task(persist_result=True)
    def reference() -> list[int]:
        return [1]

    @flow
    def outer() -> tuple[Any, Any]:
        return literal(return_state=True), reference(return_state=True)

    with pytest.warns(HoldallWarning, match="not being recorded") as warned:
        first, second = outer()

    assert 1 == len(warned)
    assert load_result(run=first.run_id, storage="./.holdall-results") is True
    assert [1] == load_result(run=second.run_id, storage="./.holdall-results")
    (place / "home").unlink()


class Big:
    """Can be weakly referenced."""


def test_no_result_stays_alive_after_its_call() -> None:
    """By reference counts alone: the collector is off."""
    alive = []

    def make() -> Big:
        made = Big()
        alive.append(weakref.ref(made))
        return made

    units = [
        task(make),
        task(persist_result=True)(make),
        task(retries=1)(make),
        task(cache_key_fn=lambda *_: "k")(make),
        flow(make),
    ]

    @flow(retries=1)
    def outer() -> None:
        for unit in units:
            unit()
        units[0].submit().result()
        task(lambda _: 1).submit(units[0].submit()).result()

    gc.disable()
    try:
        outer()
        for unit in units:
            unit(return_state=True)
        left = [each for each in alive if each() is not None]
    finally:
        gc.enable()

    assert [] == left


def test_a_failure_that_was_retried_keeps_no_input_alive() -> None:
    """The traceback of a failed attempt ends with it."""
    alive = []

    @task(retries=1)
    def flaky(given: Big) -> str:
        if len(alive) == 1:
            alive.append(weakref.ref(given))
            raise ValueError("once")
        return "done"

    gc.disable()
    try:
        given = Big()
        alive.append(weakref.ref(given))
        flaky(given)
        del given
        left = alive[0]()
    finally:
        gc.enable()

    assert left is None


def test_a_flow_of_many_results_does_not_hold_them() -> None:
    """Called, submitted and kept for a retry: what nobody holds is gone."""
    alive: list[Any] = []
    most = 0

    def make(number: int) -> Big:
        made = Big()
        made.number = number  # type: ignore[attr-defined] - any attribute will do
        alive.append(weakref.ref(made))
        return made

    kept, plain = task(persist_result=True)(make), task(make)

    @flow(retries=1)
    def outer() -> None:
        nonlocal most
        for number in range(100):
            kept(number)
            plain(number)
            plain.submit(number).wait()
            most = max(most, sum(each() is not None for each in alive))
        gc.collect()
        most = sum(each() is not None for each in alive)

    outer()

    assert 300 == len(alive)
    assert most <= 2


def test_data_passes_between_tasks_and_nested_flows_with_nothing_kept(place: Path) -> None:
    """No storage, no configuration."""
    inc = task(lambda x: x + 1)

    @flow
    def inner(x: int) -> list[int]:
        return [inc(x)]

    @flow
    def outer() -> list[int]:
        return inner(inc(1)) + inner(inc(2))

    assert [3, 4] == outer()
    assert not (place / ".holdall-results").exists()


def test_parameters_are_bound_only_when_something_needs_them() -> None:
    """A builtin without a signature is a task, as long as nothing asks for names."""
    assert {"a": 1} == task(dict)(a=1)
    assert 3 == task(max)(1, 3)


def test_a_value_that_cannot_be_serialised_is_not_lost() -> None:
    """It comes with the error; the body ran once."""
    ran = []

    @task(persist_result=True, retries=3)
    def unpicklable() -> Any:
        ran.append(1)
        return threading.Lock()

    with pytest.raises(SerializationError) as caught:
        unpicklable()

    assert [1] == ran
    assert type(threading.Lock()) is type(caught.value.value)


def test_with_retries_alone_an_unserialisable_value_is_returned_with_a_warning() -> None:
    """Persistence that nobody asked for by name takes nothing away."""
    with pytest.warns(HoldallWarning, match="could not be kept") as warned:
        value = task(retries=1)(threading.Lock)()

    assert type(threading.Lock()) is type(value)
    assert 1 == len(warned)


def test_a_value_that_its_storage_does_not_take_is_in_the_spool(place: Path) -> None:
    """The error carries it, and says where its bytes lie; what its place is asked for is found there."""

    @task(result_storage="./blocked/results")
    def blocking() -> list[int]:
        (place / "blocked").write_text("a file that comes in the way while the body runs")
        return [1, 2]

    with pytest.raises(StorageError) as caught:
        blocking()

    assert [1, 2] == caught.value.value
    assert caught.value.kept is not None
    assert Path(caught.value.kept).is_file()
    key = "/".join(Path(caught.value.kept).parts[-3:])
    assert [1, 2] == load_result(key=key, storage="./blocked/results")


def test_retries_with_persist_result_false_raise_at_the_retry() -> None:
    """The failure is the cause; a first attempt that succeeds is fine."""
    error = ValueError("bad")

    assert 1 == task(persist_result=False, retries=1)(lambda: 1)()
    with pytest.raises(PersistenceRequiredError) as caught:
        task(persist_result=False, retries=1)(raiser(error))()
    assert error is caught.value.__cause__


def test_a_key_template_that_cannot_be_filled_in_fails_before_the_body() -> None:
    """Its work is not wasted."""
    ran = []

    @task(result_storage_key="{parameters[nope]}")
    def named(x: int) -> int:
        ran.append(x)
        return x

    with pytest.raises(ConfigurationError, match="cannot be filled in"):
        named(1)
    assert [] == ran


def test_async_tasks_and_flows_run_and_nest() -> None:
    """Methods, gather of many, and sync tasks in between."""

    class Shop:
        @task
        async def price(self, item: int) -> int:
            await asyncio.sleep(0)
            return item * 2

    plain = task(lambda x: x + 1)

    @flow
    async def outer() -> list[int]:
        shop = Shop()
        many = await asyncio.gather(*(shop.price(item) for item in range(200)))
        return [plain(each) for each in many]

    assert [2 * item + 1 for item in range(200)] == asyncio.run(outer())
    assert 401 == len(rows())


def test_gathered_tasks_each_know_their_own_flow() -> None:
    """Two flows in one loop do not mix up their children."""
    child = task(lambda: "x")

    @flow
    async def outer(_: str) -> None:
        await asyncio.sleep(0)
        child()
        await asyncio.sleep(0)
        child()

    async def main() -> None:
        await asyncio.gather(*(outer(str(number)) for number in range(5)))

    asyncio.run(main())
    children = [row.flow_run_id for row in rows() if row.kind == "task"]

    assert 5 == len(set(children))
    assert {2} == {children.count(each) for each in set(children)}


def test_a_cancelled_async_run_is_recorded_and_cancelled() -> None:
    """The caller sees CancelledError, the catalog a cancelled run."""
    started: list[asyncio.Event] = []

    @flow(retries=3)
    async def outer() -> None:
        started[0].set()
        await asyncio.Event().wait()

    async def main() -> None:
        started.append(asyncio.Event())
        running = asyncio.create_task(outer())
        await started[0].wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())

    assert ["cancelled"] == [row.state for row in rows()]


def test_a_coroutine_that_is_thrown_away_ends_its_run() -> None:
    """close() on a run in the middle raises nothing and records that it ended."""

    @flow
    async def outer() -> None:
        await asyncio.sleep(1000)

    running = outer()
    with pytest.raises(RuntimeError, match="no running event loop"):
        running.send(None)
    again = flow(outer.fn)()

    class Forever:
        def __await__(self) -> Any:
            yield

    @flow
    async def waiting() -> None:
        await Forever()

    again.close()
    thrown = waiting()
    thrown.send(None)
    thrown.close()

    assert {"failed", "cancelled"} == {row.state for row in rows()}


def test_asyncio_run_inside_a_worker_thread() -> None:
    """A submitted sync task may have a loop of its own."""

    @task
    async def inner() -> int:
        return 1

    @task
    def outer() -> int:
        return asyncio.run(inner()) + 1

    @flow
    def main() -> int:
        return outer.submit().result() + inner.submit().result()

    assert 3 == main()
