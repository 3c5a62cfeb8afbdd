"""Attempts of a run: the body with its retries, and replay of what an earlier attempt stored."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.declaration.retry_delay import delay_before
from holdall.engine.inputs import resolved
from holdall.engine.outcome import RunOutcome, state_of
from holdall.engine.persist import StoredResult
from holdall.engine.plan import refusal
from holdall.engine.steps import Blocking, Body, Sleep
from holdall.errors import (
    ConfigurationError,
    HoldallWarning,
    PersistenceRequiredError,
    ResultError,
    StorageError,
    describe_error,
)
from holdall.hooks.listeners import listeners
from holdall.results.references import ResultReference
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.run import CallContext, ReplayKey, Replays, Run
    from holdall.engine.steps import Steps
    from holdall.results.references import ResultLiteral


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


def replay_keys_of(call: CallContext, replays: Replays) -> list[tuple[Replays, ReplayKey]]:
    """Returns the replay tables of the retrying flows around the run, nearest first, with its key; none if it is not stored."""
    digests = partial(call_digests, call.definition, call.args, call.kwargs)
    if call.plan.store is None:
        call.run.call_digests = digests
        return []
    function, inputs = digests()
    replay_key = call.run.claim_replay_key(function, inputs, replays.lock)
    # Inputs that cannot be hashed mean that it runs again.
    return [(table, replay_key) for table in replays.tables()] if inputs else []


def replay_keys_in(
    definition: AnyDefinition, replays: Replays, around: Run, args: Any, kwargs: Any
) -> list[tuple[Replays, ReplayKey]]:
    """Returns the same for a call that runs in another process; `around` is the run that submits it."""
    function, inputs = call_digests(definition, args, kwargs)
    replay_key = around.next_replay_key(function, inputs, replays.lock)
    return [(table, replay_key) for table in replays.tables()] if inputs else []


def call_digests(definition: AnyDefinition, args: Any, kwargs: Any) -> tuple[str, str]:
    """Returns the digests of the function and of its inputs; the second is empty if either cannot be hashed."""
    from holdall.cache.digest import digest

    try:
        return definition.identity.as_task(), digest((getattr(definition.fn, "__self__", None), args, kwargs))
    except ConfigurationError:
        return definition.function_name, ""


def replay(definition: AnyDefinition, result: ResultLiteral | ResultReference) -> RunOutcome | None:
    """Returns what an earlier attempt stored, or None if it cannot be read any more."""
    try:
        # Through a copy without a cached value: the table of replays would hold every object until the flow ends.
        value = (replace(result, cache_in_memory=False) if isinstance(result, ResultReference) else result).get()
    except (ResultError, StorageError) as error:
        warnings.warn(
            f"{definition.name!r} runs again in this attempt, as its kept result cannot be read: {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return None
    return RunOutcome(value, StoredResult(result, result.json()), cached=True, message="replayed")
