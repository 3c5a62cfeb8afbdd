"""Calls by their callers: keywords of every call, contexts, threads, and what an async call leaves alone."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from holdall import flow, task
from holdall.builtin.threads import ThreadRunner
from holdall.engine.run import current

pytestmark = pytest.mark.usefixtures("place")

who: ContextVar[str] = ContextVar("who", default="nobody")
ask = task(who.get)


async def _ask() -> str:
    await asyncio.sleep(0)
    return who.get()


ask_later = task(_ask)


def test_a_run_sees_the_context_of_its_caller() -> None:
    """Called, submitted, awaited, gathered; and changes it for nobody else."""

    @task
    def change() -> None:
        who.set("changed in a thread")

    @flow
    async def outer() -> list[str]:
        who.set("me")
        change.submit().result()
        return [ask(), ask.submit().result(), await ask_later(), *(await asyncio.gather(ask_later(), ask_later()))]

    assert ["me"] * 5 == asyncio.run(outer())
    assert "nobody" == who.get()


def test_a_call_leaves_no_run_behind_in_the_context() -> None:
    """After success, failure and a refusal."""

    def fails() -> None:
        raise ValueError

    task(lambda: 1)()
    for unit in (task(fails), task(persist_result=True)(fails), flow(fails)):
        with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
            unit()

    assert current.get() is None


def test_wait_for_in_a_call_is_waited_for_and_never_passed_on() -> None:
    """Sync and async, by keyword and by option."""
    gate = threading.Event()

    @task
    async def later() -> bool:
        await asyncio.sleep(0)
        return gate.is_set()

    @flow
    async def outer() -> list[Any]:
        slow = task(lambda: threading.Event().wait(0.02) or gate.set()).submit()
        return [await later(wait_for=[slow]), task(gate.is_set).with_options(wait_for=[slow])()]

    assert [True, True] == asyncio.run(outer())


def test_a_flow_in_a_thread_of_its_own_is_an_outermost_one() -> None:
    """A new thread has a new context."""
    seen: list[Any] = []

    @flow
    def inner() -> None:
        run = current.get()
        assert run is not None
        seen.append(run.parent)

    @flow
    def outer() -> None:
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()
        inner()

    outer()

    assert seen[0] is None
    assert seen[1] is not None


def test_a_thread_runner_bounds_its_threads_and_describes_itself() -> None:
    """One pool per run, all of one size."""
    names = set()

    @task
    def name() -> None:
        names.add(threading.current_thread().name)

    @flow(task_runner=ThreadRunner(2))
    def outer() -> None:
        for each in [name.submit() for _ in range(50)]:
            each.result()

    outer()

    assert len(names) <= 2
    assert "ThreadRunner(max_workers=2)" == repr(ThreadRunner(2).duplicate())


def test_two_runs_of_one_flow_at_once_do_not_mix() -> None:
    """Each counts its own children."""

    @task
    def which() -> str:
        run = current.get()
        assert run is not None
        return run.name

    @flow
    def outer() -> list[str]:
        return [which(), which(), which.submit().result()]

    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(outer())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [["which-1", "which-2", "which-3"]] * 4 == found


def test_submitted_runs_have_names_of_their_own() -> None:
    """A key template over the run's name never leads two to one place."""

    @task
    def which(_: int) -> str:
        run = current.get()
        assert run is not None
        return run.name

    @flow
    def outer() -> list[str]:
        return which.map(range(200)).result()

    assert 200 == len(set(outer()))
