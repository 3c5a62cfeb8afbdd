"""Execution of one run: bind, look for a stored result, call, retry, store, record.

A call that has nothing to look up or to retry takes the quick path (quick_path.py); every other one is the generator
`execute`, which a driver of steps.py runs. It does not raise what the body raised: the outcome holds it, and the caller
decides.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.engine.attempts import attempts
from holdall.engine.outcome import Failed, RunOutcome, failure_of, row_of
from holdall.engine.persist import persist, storage_key_of, write_uncatalogued
from holdall.engine.plan import ExecutionPlan, make_plan
from holdall.engine.replay import Replays, replay, replay_keys_of
from holdall.engine.run import Run, Session, current, reset
from holdall.engine.steps import Blocking
from holdall.errors import ConfigurationError
from holdall.hooks.discovery import is_due
from holdall.hooks.listeners import listeners
from holdall.settings.model import current as current_settings
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.cached_call import CacheLookup, Overtaken
    from holdall.engine.run import CallContext
    from holdall.engine.steps import Steps


def begin(definition: AnyDefinition) -> tuple[ExecutionPlan, Run]:
    """Returns the plan and the run of a call made in the current context. Refuses what cannot work before the body runs."""
    parent = current.get()
    if parent is None:
        directory = _working_directory()
        settings = current_settings(directory)
        alone = definition.plan_alone
        if alone is not None and alone[0] is settings and alone[1].directory == directory:
            return alone[2], Run(definition.kind, definition.name, None, alone[1])
        if is_due():
            from holdall.hooks import bus

            bus.discover()
        session = Session(settings, directory)
        plan = make_plan(definition, None, session)
        # A slug may lead elsewhere by the next call; whatever else was resolved stays true while the settings do.
        if not _is_slug(plan):
            definition.plan_alone = (settings, session, plan)
        return plan, Run(definition.kind, definition.name, None, session)
    plans = parent.plans
    if plans is None:
        return make_plan(definition, parent, parent.session), Run(
            definition.kind, definition.name, parent, parent.session
        )
    shared: ExecutionPlan | None = plans.get(definition.plan_key)
    if shared is None:
        shared = plans[definition.plan_key] = make_plan(definition, parent, parent.session)
    return shared, Run(definition.kind, definition.name, parent, parent.session)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise ConfigurationError(
            "The working directory of this process has been removed, and a run takes its settings and relative paths "
            "from it. Change to a directory that is there (os.chdir) before the run starts."
        ) from error


def _is_slug(plan: ExecutionPlan) -> bool:
    return plan.store is not None and plan.store.where.slug is not None


def execute(call: CallContext, looked_up: CacheLookup | None = None) -> Steps[RunOutcome]:
    """Executes a call that is not for the quick path: sets the current run for its duration and records the run.

    Never raises an Exception: the outcome holds what the body raised.
    """
    definition, run, plan = call.definition, call.run, call.plan
    token = current.set(run)
    started = time.time()
    recorder = run.session.recorder
    try:
        if definition.kind == "flow":
            _enter_flow(call)
            recorder.record(row_of(definition, run, "running", None, started, None, cached=False))
        listeners.run_started(run_id=run.id, kind=definition.kind, name=definition.name)
        try:
            outcome = yield from _produce(call, looked_up)
        except BaseException as raised:  # noqa: BLE001 - the outcome holds it; drivers raise it to the caller
            error = raised.error if type(raised) is Failed else raised
            kind, message = failure_of(error)
            outcome = RunOutcome(UNSET, message=message, type=kind, error=error)
            del error
        result_json = None if outcome.stored is None else outcome.stored.json
        recorder.record(
            row_of(definition, run, outcome.type, outcome.message, started, result_json, cached=outcome.cached)
        )
        listeners.run_finished(
            run_id=run.id,
            kind=definition.kind,
            name=definition.name,
            state=outcome.type,
            duration=time.time() - started,
            cached=outcome.cached,
        )
        is_literal = outcome.stored is not None and outcome.stored.is_literal and not outcome.cached
        if (definition.kind == "flow" and run.parent is None) or (is_literal and plan.store is not None):
            # A reference is durable by now; a literal lives in the run's row alone.
            written = yield Blocking(recorder.flush)
            if not written and is_literal and plan.store is not None:
                yield Blocking(partial(write_uncatalogued, definition, run, plan.store, outcome.value))
        try:
            return outcome
        finally:
            del outcome  # a failure's traceback may hold this frame
    finally:
        reset(current, token)


def _enter_flow(call: CallContext) -> None:
    run, options = call.run, call.definition.options
    run.flow = run
    run.plans = {}
    around = run.parent.scope if run.parent is not None else None
    run.scope = call.plan.resolution.scope(options, around)
    if options.task_runner is not None:
        run.task_runner = options.task_runner


def _produce(call: CallContext, looked_up: CacheLookup | None) -> Steps[RunOutcome]:
    """Returns the outcome: replayed, from the cache, or computed and stored."""
    definition, run = call.definition, call.run
    options = definition.options
    if looked_up is None:
        needed = options.caching is not None or options.result_storage_key is not None
        parameters = definition.bind(call.args, call.kwargs) if needed else None
        key = _cache_key(definition, run, parameters) if options.caching is not None else None
        absent = False
    else:
        parameters, key, absent = looked_up
    if options.caching is not None and key is None:
        call = call._replace(plan=make_plan(definition.uncached, run.parent, run.session))
    replays = run.replays
    if definition.kind == "flow" and options.retries:
        run.replays = Replays(replays)
    replay_keys = replay_keys_of(call, replays) if replays is not None else []
    for table, replay_key in replay_keys:
        if (result := table.get(replay_key)) is not None:
            replayed = yield Blocking(partial(replay, definition, result))
            if replayed is not None:
                return replayed  # type: ignore[no-any-return]  # what replay returns
    if key is None or call.plan.store is None:
        outcome = yield from _compute(call, None, parameters)
    else:
        from holdall.engine.cached_call import cached

        compute = partial(_compute, call, key, parameters)
        outcome = yield from cached(call, call.plan.store, key, compute, absent=absent)
    stored = outcome.stored
    if stored is None:
        return outcome
    for table, replay_key in replay_keys:
        table.add(replay_key, stored.result)
    return outcome._replace(stored=None) if stored.for_replays_alone else outcome


def _cache_key(definition: AnyDefinition, run: Run, parameters: dict[str, Any] | None) -> str | None:
    from holdall.engine.cached_call import cache_key

    return cache_key(definition, run, parameters)


def _compute(
    call: CallContext, key: str | None, parameters: dict[str, Any] | None, overtaken: Overtaken | None = None
) -> Steps[RunOutcome]:
    definition, run, plan = call.definition, call.run, call.plan
    name = None
    if plan.store is not None and definition.options.result_storage_key is not None:
        # Before the body: a template that cannot be filled in must not cost the body's work.
        name = storage_key_of(definition, run, parameters, plan.store)
    value, error = yield from attempts(call)
    if error is not None:
        try:
            # Wrapped, because a StopIteration raised in a generator becomes another error.
            raise Failed(error)
        finally:
            del error
    if plan.resolution.forbidden:
        return RunOutcome(value)
    if overtaken is not None and (newer := (yield from overtaken())) is not None:
        return newer
    stored = yield Blocking(partial(persist, definition, run, plan, value, key=key, name=name))
    return RunOutcome(value, stored)
