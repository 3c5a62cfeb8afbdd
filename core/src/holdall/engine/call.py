"""Entry of calls: resolves futures among the inputs, runs the call, returns its value or state or raises its exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.engine.execute import begin, execute
from holdall.engine.inputs import MATTER, has_deferred, listed, pending, resolved
from holdall.engine.quick_path import call_hit, call_simple
from holdall.engine.run import CallContext
from holdall.engine.state import State
from holdall.engine.steps import adrive, drive
from holdall.errors import describe_error
from holdall.hooks.listeners import listeners
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.outcome import RunOutcome
    from holdall.engine.plan import ExecutionPlan
    from holdall.engine.run import Run


def call(definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a task or flow; returns a coroutine for an async function."""
    return_state, wait_for = definition.options.return_state, definition.options.wait_for
    if kwargs:
        return_state = kwargs.pop("return_state", return_state)
        wait_for = kwargs.pop("wait_for", wait_for)
    if definition.is_async:
        return _acall(definition, args, kwargs, wait_for, return_state=return_state)
    if wait_for is not None:
        resolved(listed(wait_for))
    if not MATTER.isdisjoint(map(type, args)) or (kwargs and not MATTER.isdisjoint(map(type, kwargs.values()))):
        args, kwargs = _ready(args, kwargs)
    plan, run = begin(definition)
    looked_up = None
    if not listeners.active:
        if _is_simple(plan, run):
            return call_simple(definition, run, plan, args, kwargs, return_state=return_state)
        if plan.may_hit and run.replays is None and not return_state:
            value, looked_up = call_hit(definition, run, plan, args, kwargs)
            if value is not UNSET:
                return value
    steps = execute(CallContext(definition, run, plan, args, kwargs), looked_up)
    # The outcome has no name here: the traceback of its error holds this frame.
    return drive(steps).state(definition, run) if return_state else _value_of(drive(steps))


def _is_simple(plan: ExecutionPlan, run: Run) -> bool:
    """Whether the call has nothing to look up or to retry: what a retried flow around it stored is to be replayed."""
    return plan.simple and (plan.store is None or run.replays is None)


async def _acall(
    definition: AnyDefinition,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any,
    *,
    return_state: bool,
) -> Any:
    inputs = (*args, *kwargs.values(), listed(wait_for))
    if has_deferred(inputs):
        from asyncio import to_thread

        for future in pending(inputs):
            await future.finished()
        await to_thread(resolved, inputs[-1])
        args, kwargs = await to_thread(_ready, args, kwargs)
    plan, run = begin(definition)
    steps = execute(CallContext(definition, run, plan, args, kwargs))
    return (await adrive(steps)).state(definition, run) if return_state else _value_of(await adrive(steps))


def call_state(definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> State[Any]:
    """Calls on a runner's worker and always returns a state. An async function gets an event loop of its own."""
    try:
        if not MATTER.isdisjoint(map(type, args)) or kwargs:
            args, kwargs = _ready(args, kwargs)
        plan, run = begin(definition)
        if not definition.is_async and not listeners.active and _is_simple(plan, run):
            return call_simple(definition, run, plan, args, kwargs, return_state=True)  # type: ignore[no-any-return]  # the state
        steps = execute(CallContext(definition, run, plan, args, kwargs))
        if definition.is_async:
            from asyncio import run as run_loop

            return run_loop(adrive(steps)).state(definition, run)
        return drive(steps).state(definition, run)
    except Exception as error:  # noqa: BLE001 - refused before the body ran: whoever asks for the result gets it
        return not_started(definition, error)


def not_started(definition: AnyDefinition, error: BaseException) -> State[Any]:
    """Returns the state of a call that did not start: an input failed, or its options cannot work."""
    message = f"not started: {describe_error(error)}"
    return State(type="failed", kind=definition.kind, run_id="", name=definition.name, message=message, _error=error)


def _ready(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(resolved(each) for each in args), {name: resolved(each) for name, each in kwargs.items()}


def _value_of(outcome: RunOutcome) -> Any:
    """Returns the value, or raises what the body raised."""
    if outcome.error is None:
        return outcome.value
    try:
        raise outcome.error
    finally:
        del outcome  # the traceback holds this frame, and the outcome would hold the traceback
