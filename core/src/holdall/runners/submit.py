"""Submission of calls to task runners, once their inputs are ready."""

from __future__ import annotations

import concurrent.futures
import contextvars
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall._system import fork
from holdall.abc.runner import TaskRunner
from holdall.engine.call import call_state, not_started
from holdall.engine.future import Future, Futures
from holdall.engine.inputs import MATTER, has_deferred, listed, pending, resolved, unmapped
from holdall.engine.run import Submitted, current
from holdall.engine.state import State
from holdall.errors import ConfigurationError
from holdall.runners.remote import submit_remote
from holdall.types import Call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.run import Run
    from holdall.types import Secrets


def submit(
    definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any = None
) -> Future[Any]:
    """Submits a call to the task runner of the run around it, or to one of its own if there is none."""
    run = current.get()
    if run is not None:
        return _submit(definition, args, kwargs, listed(wait_for), run, _runner_of(run))
    own = make_runner(definition.options.task_runner)
    future = _submit(definition, args, kwargs, listed(wait_for), None, own)
    _shut_down_after([future], own)
    return future


def submit_all(
    definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any = None
) -> Futures[Any]:
    """Submits one call for each position of the iterables; other inputs, texts and bytes included, go to all calls."""
    calls = list(_spread(definition, args, kwargs))
    wait_for = listed(wait_for)
    run = current.get()
    runner = _runner_of(run) if run is not None else make_runner(definition.options.task_runner)
    futures = Futures(_submit(definition, a, k, wait_for, run, runner) for a, k in calls)
    if run is None:
        _shut_down_after(futures, runner)
    return futures


def _shut_down_after(futures: list[Future[Any]], runner: TaskRunner) -> None:
    """Shuts the runner down after the last future; a call that waits for its inputs has not been submitted yet."""
    left = len(futures)
    lock = fork.renewed(threading.Lock())

    def done(_: Any) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            runner.shutdown(wait=False)

    for future in futures:
        future.inner.add_done_callback(done)
    if not futures:
        runner.shutdown(wait=False)


def _spread(
    definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterable[tuple[tuple[Any, ...], dict[str, Any]]]:
    inputs = [*((f"argument {n}", each) for n, each in enumerate(args, 1)), *kwargs.items()]
    # A future of an iterable is mapped over; a future of anything else is an input like any other.
    named = [(name, resolved(each) if isinstance(each, (Future, State)) else each) for name, each in inputs]
    columns = {name: list(each) for name, each in named if _is_mapped(each)}
    if not columns:
        raise ConfigurationError(
            f"{definition.name}.map needs an iterable to map over; every input given goes to all calls."
        )
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ConfigurationError(
            f"{definition.name}.map takes iterables of one length, and {counts}. "
            "Wrap what every call gets whole in unmapped(…)."
        )
    for position in range(next(iter(lengths.values()))):
        picked = [columns[name][position] if name in columns else _plain(each) for name, each in named]
        yield tuple(picked[: len(args)]), dict(zip(kwargs, picked[len(args) :], strict=True))


def _is_mapped(value: Any) -> bool:
    if isinstance(value, (unmapped, str, bytes, bytearray, dict)):
        return False
    return hasattr(value, "__iter__") and not isinstance(value, type)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, unmapped) else value


def _runner_of(run: Run) -> TaskRunner:
    """Returns the run's own task runner, created on its first submit: a task that waits for its children cannot starve them."""
    if run.submitted is None:
        run.submitted = Submitted()
    if run.runner is None:
        run.runner = make_runner(run.task_runner)
    return run.runner


def make_runner(value: Any) -> TaskRunner:
    """Returns a new task runner for the value of the option `task_runner`."""
    if isinstance(value, TaskRunner):
        return value.duplicate()
    name = "threads" if value is None else value
    if not isinstance(name, str):
        raise ConfigurationError(
            f"task_runner is 'threads', 'processes', a plugin's name or a TaskRunner, not a {type(value).__name__}."
        )
    if name == "threads":
        from holdall.builtin.threads import ThreadRunner

        return ThreadRunner()
    if name == "processes":
        from holdall.builtin.processes import ProcessRunner

        return ProcessRunner()
    from holdall.plugins import registry

    return registry.load("runners", name)()  # type: ignore[no-any-return]  # the registry checks the base class


def _submit(
    definition: AnyDefinition,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: list[Any],
    run: Run | None,
    runner: TaskRunner,
) -> Future[Any]:
    inputs = (*args, *kwargs.values(), *wait_for)
    if not MATTER.isdisjoint(map(type, inputs)) and has_deferred(inputs):
        waiting = list(dict.fromkeys(pending(inputs)))
        inner = _Waiting(definition, args, kwargs, wait_for, runner, run).start(waiting)
    else:
        inner = _started(definition, args, kwargs, runner, run)
    future: Future[Any] = Future(inner, definition.name)
    if run is not None and run.submitted is not None:
        run.submitted.add(future)
    return future


def _started(
    definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], runner: TaskRunner, run: Run | None
) -> concurrent.futures.Future[Any]:
    if runner.remote:
        return submit_remote(definition, args, kwargs, runner, run)
    return runner.submit(Call(run=_run_here, task=definition, args=args, kwargs=kwargs))


def _run_here(call: Call, _: Secrets) -> State[Any]:
    return call_state(call.task, call.args, dict(call.kwargs))


class _Waiting:
    """Call that is submitted when the last of its inputs is done, so that no worker waits for another."""

    def __init__(self, definition: AnyDefinition, *call: Any) -> None:
        self._definition = definition
        self._call: Any = call
        self._context = contextvars.copy_context()
        self._promise: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._promise.set_running_or_notify_cancel()
        self._lock = fork.renewed(threading.Lock())
        self._left = 0

    def start(self, waiting: list[Future[Any]]) -> concurrent.futures.Future[Any]:
        promise = self._promise
        self._left = len(waiting)
        for future in waiting:
            future.inner.add_done_callback(self._input_done)
        if not waiting:
            self._submit()
        return promise

    def _input_done(self, _: Any) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._submit()

    def _submit(self) -> None:
        # Released here: the callbacks of the inputs hold this object, which would hold inputs and results in a reference cycle.
        (args, kwargs, wait_for, runner, run), self._call = self._call, None
        promise, context = self._promise, self._context
        del self._promise, self._context
        try:
            resolved(wait_for)
            ready = tuple(resolved(each) for each in args)
            named = {name: resolved(each) for name, each in kwargs.items()}
            inner = context.run(_started, self._definition, ready, named, runner, run)
        except BaseException as error:  # noqa: BLE001 - `result()` of the future raises it
            promise.set_result(not_started(self._definition, error))
        else:
            inner.add_done_callback(partial(_finish, self._definition, promise))


def _finish(
    definition: AnyDefinition, promise: concurrent.futures.Future[Any], inner: concurrent.futures.Future[Any]
) -> None:
    try:
        promise.set_result(inner.result())
    except BaseException as error:  # noqa: BLE001 - as in _submit; a runner that was shut down cancels
        promise.set_result(not_started(definition, error))
