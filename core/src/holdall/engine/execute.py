"""Execution of one run: bind, look for a stored result, call, retry, store, record.

A call that has nothing to look up or to retry takes the quick path (quick_path.py); every other one is the generator
`execute`, which a driver of steps.py takes through. It does not raise what the body raised: the outcome holds it, and the
caller decides.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.engine.attempts import attempts, claims_of, replay
from holdall.engine.context import current, leave
from holdall.engine.outcome import Done, Failed, Outcome, failure_of, row_of
from holdall.engine.persist import keep_uncatalogued, key_of, persist
from holdall.engine.plan import ExecutionPlan, make_plan
from holdall.engine.run import Replays, Run, Session
from holdall.engine.steps import Blocking
from holdall.errors import ConfigurationError
from holdall.hooks import discovery as signals
from holdall.hooks.listeners import listeners
from holdall.settings import model as settings
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.cached_call import CacheLookup, Overtaken
    from holdall.engine.run import Identity
    from holdall.engine.steps import Steps


def begin(definition: AnyDefinition) -> tuple[ExecutionPlan, Run]:
    """Resolve a call where it stands. What cannot work is refused here, before the body runs."""
    parent = current.get()
    if parent is None:
        directory = _working_directory()
        found = settings.current(directory)
        alone = definition.plan_alone
        if alone is not None and alone[0] is found and alone[1].directory == directory:
            return alone[2], Run(definition.kind, definition.name, None, alone[1])
        if signals.is_due():
            from holdall.hooks import bus

            bus.discover()
        session = Session(found, directory)
        plan = make_plan(definition, None, session)
        # A slug may lead elsewhere by the next call; whatever else was resolved stays true while the settings do.
        if not _is_slug(plan):
            definition.plan_alone = (found, session, plan)
        return plan, Run(definition.kind, definition.name, None, session)
    plans = parent.plans
    if plans is None:
        return make_plan(definition, parent, parent.session), Run(
            definition.kind, definition.name, parent, parent.session
        )
    known: ExecutionPlan | None = plans.get(definition.plan_key)
    if known is None:
        known = plans[definition.plan_key] = make_plan(definition, parent, parent.session)
    return known, Run(definition.kind, definition.name, parent, parent.session)


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


def execute(
    definition: AnyDefinition,
    run: Run,
    plan: ExecutionPlan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    looked_up: CacheLookup | None = None,
) -> Steps[Outcome]:
    """Every other call. Sets the context for its own time, records the run, never raises an Exception."""
    token = current.set(run)
    started = time.time()
    recorder = run.session.recorder
    try:
        if definition.kind == "flow":
            _enter_flow(definition, run, plan)
            recorder.record(row_of(definition, run, "running", None, started, None, cached=False))
        listeners.run_started(run_id=run.id, kind=definition.kind, name=definition.name)
        try:
            done = yield from _produce(definition, run, plan, args, kwargs, looked_up)
        except BaseException as raised:  # noqa: BLE001 - the outcome holds it; drivers raise it to the caller
            error = raised.error if type(raised) is Failed else raised
            kind, message = failure_of(error)
            outcome = Outcome(definition, run, kind, message, None, UNSET, UNSET, error)
            del error
        else:
            held = done.value if definition.options.cache_result_in_memory or done.kept is None else UNSET
            outcome = Outcome(
                definition, run, "completed", done.message, done.kept, done.value, held, None, cached=done.cached
            )
        result_json = None if outcome.kept is None else outcome.kept.json
        recorder.record(
            row_of(definition, run, outcome.kind, outcome.message, started, result_json, cached=outcome.cached)
        )
        listeners.run_finished(
            run_id=run.id,
            kind=definition.kind,
            name=definition.name,
            state=outcome.kind,
            duration=time.time() - started,
            cached=outcome.cached,
        )
        is_literal = outcome.kept is not None and outcome.kept.is_literal and not outcome.cached
        if (definition.kind == "flow" and run.parent is None) or (is_literal and plan.store is not None):
            # A reference is durable by now; a literal lives in the run's row alone.
            written = yield Blocking(recorder.flush)
            if not written and is_literal and plan.store is not None:
                yield Blocking(partial(keep_uncatalogued, definition, run, plan.store, outcome.value))
        try:
            return outcome
        finally:
            del outcome  # a failure's traceback may hold this frame
    finally:
        leave(current, token)


def _enter_flow(definition: AnyDefinition, run: Run, plan: ExecutionPlan) -> None:
    run.flow = run
    run.plans = {}
    around = run.parent.scope if run.parent is not None else None
    run.scope = plan.resolution.scope(definition.options, around)
    if definition.options.task_runner is not None:
        run.task_runner = definition.options.task_runner


def _produce(
    definition: AnyDefinition,
    run: Run,
    plan: ExecutionPlan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    looked_up: CacheLookup | None,
) -> Steps[Done]:
    """The value: replayed, out of the cache, or computed and kept."""
    options = definition.options
    if looked_up is None:
        needed = options.caching is not None or options.result_storage_key is not None
        parameters = definition.bind(args, kwargs) if needed else None
        key = _cache_key(definition, run, parameters) if options.caching is not None else None
        absent = False
    else:
        parameters, key, absent = looked_up
    if options.caching is not None and key is None:
        plan = make_plan(definition.uncached, run.parent, run.session)
    replays = run.replays
    if definition.kind == "flow" and options.retries:
        run.replays = Replays(replays)
    claims = (
        claims_of(definition, replays, run, args, kwargs, kept=plan.store is not None) if replays is not None else []
    )
    for table, identity in claims:
        if (result := table.kept(identity)) is not None:
            replayed = yield Blocking(partial(replay, definition, result))
            if replayed is not None:
                return replayed  # type: ignore[no-any-return]  # what _replay returns
    if key is None or plan.store is None:
        done = yield from _compute(definition, run, plan, args, kwargs, None, parameters)
    else:
        from holdall.engine.cached_call import cached

        done = yield from cached(
            definition,
            run,
            plan,
            plan.store,
            key,
            partial(_compute, definition, run, plan, args, kwargs, key, parameters),
            absent=absent,
        )
    return _for_replays(done, claims)


def _for_replays(done: Done, claims: list[tuple[Replays, Identity]]) -> Done:
    """Keep what is to be replayed; what else is to be known of it."""
    if done.kept is None:
        return done
    for table, identity in claims:
        table.keep(identity, done.kept.result)
    return done._replace(kept=None) if done.kept.for_replays_alone else done


def _cache_key(definition: AnyDefinition, run: Run, parameters: dict[str, Any] | None) -> str | None:
    from holdall.engine.cached_call import cache_key

    return cache_key(definition, run, parameters)


def _compute(
    definition: AnyDefinition,
    run: Run,
    plan: ExecutionPlan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    key: str | None,
    parameters: dict[str, Any] | None,
    overtaken: Overtaken | None = None,
) -> Steps[Done]:
    options = definition.options
    named = None
    if plan.store is not None and options.result_storage_key is not None:
        named = key_of(
            definition, run, parameters, plan.store
        )  # before the body: what cannot be filled in must not cost its work
    value, error = yield from attempts(definition, run, plan, args, kwargs)
    if error is not None:
        try:
            # In a wrapping, as a StopIteration raised in a generator would become another error.
            raise Failed(error)
        finally:
            del error
    if plan.resolution.forbidden:
        return Done(value, None, cached=False)
    if overtaken is not None and (newer := (yield from overtaken())) is not None:
        return newer
    kept = yield Blocking(partial(persist, definition, run, plan, value, key=key, name=named))
    return Done(value, kept, cached=False)
