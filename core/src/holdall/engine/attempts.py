"""Attempts of a run: the body with its retries."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.declaration.retry_delay import delay_before
from holdall.engine.inputs import resolved
from holdall.engine.outcome import state_of
from holdall.engine.plan import refusal
from holdall.engine.steps import Blocking, Body, Sleep
from holdall.errors import (
    HoldallWarning,
    PersistenceRequiredError,
    describe_error,
)
from holdall.hooks.listeners import listeners
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.run import CallContext, Run
    from holdall.engine.steps import Steps


def attempts(call: CallContext) -> Steps[tuple[Any, BaseException | None]]:
    """Calls the body until it succeeds or may not be retried. Returns the error: a StopIteration could not be raised here."""
    definition, run, plan = call.definition, call.run, call.plan
    options = definition.options
    body = Body(partial(definition.fn, *call.args, **call.kwargs))
    while True:
        if definition.kind == "flow":
            run.start_attempt()
        value, failure = yield from _attempt(run, body)
        if failure is None:
            return value, None
        try:
            if not isinstance(failure, Exception) or not _may_retry(definition, run, failure):
                return UNSET, failure
            if plan.resolution.forbidden:
                refused = PersistenceRequiredError(refusal(plan.resolution, "retries"))
                refused.__cause__ = failure
                return UNSET, refused
        finally:
            del failure  # its traceback holds this frame
        delay = delay_before(run.attempt, retries=options.retries, delay=options.retry_delay_seconds)
        listeners.retry_scheduled(run_id=run.id, name=definition.name, attempt=run.attempt, delay=delay)
        if delay:
            yield Sleep(delay)
        run.attempt += 1


def _attempt(run: Run, body: Body) -> Steps[tuple[Any, BaseException | None]]:
    value, failure = UNSET, None
    try:
        value = yield body
    except BaseException as error:  # noqa: BLE001 - returned, not swallowed
        failure = error
    try:
        if run.runner is not None:
            value = yield Blocking(partial(join_submitted, run, value))
    except BaseException as error:  # noqa: BLE001 - as above
        failure = error
    try:
        return value, failure
    finally:
        del failure  # its traceback holds this frame


def _may_retry(definition: AnyDefinition, run: Run, failure: Exception) -> bool:
    options = definition.options
    if run.attempt > options.retries or isinstance(failure, PersistenceRequiredError):
        return False
    condition = options.retry_condition_fn
    if condition is None:
        return True
    return bool(
        condition(definition, run, state_of(definition, run, "failed", describe_error(failure), None, UNSET, failure))
    )


def join_submitted(run: Run, value: Any = UNSET) -> Any:
    """Waits for all runs that this run submitted, and warns of failures whose results were not requested.

    Returns the value with the futures in it replaced by their results; returning a future requests its result.
    """
    try:
        return resolved(value)
    finally:
        _join(run)


def _join(run: Run) -> None:
    runner, run.runner = run.runner, None
    if runner is None:
        return
    submitted = run.submitted.pop_all() if run.submitted is not None else []
    for future in submitted:
        future.wait()
    runner.shutdown()
    for future in submitted:
        if (error := future.unobserved_failure) is not None:
            warnings.warn(
                f"The submitted run of {future.name} failed and nobody asked for its result: {describe_error(error)}",
                HoldallWarning,
                stacklevel=2,
            )
