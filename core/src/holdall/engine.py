"""One run from call to record: bind, look for a kept result, call, retry, keep, record.

A plain call (nothing to look up, retry or keep) takes `call_plain`; every other one is the generator `execute`, which a
driver of steps.py takes through. Neither raises what the body raised: the state holds it, and the caller decides.
"""

from __future__ import annotations

import os
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall import hooks, settings
from holdall.cache import CacheContext, computing, lock_for, record_key
from holdall.context import current
from holdall.deferred import resolved
from holdall.digest import digest
from holdall.errors import ConfigurationError, HoldallWarning, PersistenceRequiredError, ResultError, StorageError
from holdall.keeping import Kept, keep, keep_uncatalogued, lookup
from holdall.planning import Plan, plan, refusal
from holdall.results import ResultLiteral
from holdall.retries import delay_before
from holdall.runs import Replays, Root, Run
from holdall.states import State
from holdall.steps import Blocking, Body, Sleep
from holdall.types import UNSET, RunRow

if TYPE_CHECKING:
    from holdall.results import ResultReference
    from holdall.steps import Steps
    from holdall.units import Unit

_LITERAL = '{"type": "result"'
_LITERAL_JSON = {each: ResultLiteral(value=each).json() for each in (None, True, False)}


class Outcome(NamedTuple):
    """What the body gave (even where the state lets it go), or what it raised."""

    state: State[Any]
    value: Any
    error: BaseException | None


class Done(NamedTuple):
    """A value and how it came about."""

    value: Any
    kept: Kept | None
    cached: bool
    message: str | None = None


def begin(unit: Unit[Any, Any]) -> tuple[Plan, Run]:
    """Resolve a call where it stands. What cannot work is refused here, before the body runs."""
    parent = current.get()
    if parent is None:
        directory = os.getcwd()
        found = settings.current(directory)
        alone = unit.plan_alone
        if alone is not None and alone[0] is found and alone[1].directory == directory:
            return alone[2], Run(unit.kind, unit.name, None, alone[1])
        hooks.discover()
        root = Root(found, directory)
        made = plan(unit, None, root)
        # A slug may lead elsewhere by the next call; whatever else was resolved stays true while the settings do.
        if not _is_slug(made):
            unit.plan_alone = (found, root, made)
        return made, Run(unit.kind, unit.name, None, root)
    plans = parent.plans
    if plans is None:
        return plan(unit, parent, parent.root), Run(unit.kind, unit.name, parent, parent.root)
    made = plans.get(unit.plan_key)
    if made is None:
        made = plans[unit.plan_key] = plan(unit, parent, parent.root)
    return made, Run(unit.kind, unit.name, parent, parent.root)


def _is_slug(made: Plan) -> bool:
    return made.store is not None and made.store.where.slug is not None


def call_plain(unit: Unit[Any, Any], run: Run, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sync task with nothing to look up, retry or keep: the body, and one row for the catalog."""
    token = current.set(run)
    started = time.time()
    state, message, result = "completed", None, None
    try:
        value = unit.fn(*args, **kwargs)
        if run.runner is not None:
            value = resolved(value)
        if value is None or value is True or value is False:
            result = None if plan.resolution.forbidden else _LITERAL_JSON[value]
    except BaseException as error:
        state, message = _failure(error)
        raise
    else:
        return value
    finally:
        current.reset(token)
        if run.runner is not None:
            _settle(run)
        run.root.recorder.record(_row(unit, run, state, message, started, result, cached=False))


def execute(unit: Unit[Any, Any], run: Run, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Steps[Outcome]:
    """Every other call. Sets the context for its own time, records the run, never raises an Exception."""
    token = current.set(run)
    started = time.time()
    recorder = run.root.recorder
    try:
        if unit.kind == "flow":
            _enter_flow(unit, run, plan)
            recorder.record(_row(unit, run, "running", None, started, None, cached=False))
        if hooks.active():
            hooks.run_started(run_id=run.id, kind=unit.kind, name=unit.name)
        try:
            done = yield from _produce(unit, run, plan, args, kwargs)
        except BaseException as error:  # noqa: BLE001 - the outcome holds it; drivers raise it to the caller
            kind, message = _failure(error)
            result_json = None
            outcome = Outcome(_state(unit, run, kind, message, None, UNSET, error), UNSET, error)
        else:
            result_json = done.kept.json if done.kept is not None else None
            kept = done.kept.result if done.kept is not None else None
            held = done.value if unit.options.cache_result_in_memory or kept is None else UNSET
            state = _state(unit, run, "completed", done.message, kept, held, None, cached=done.cached)
            outcome = Outcome(state, done.value, None)
        row = _row(unit, run, outcome.state.type, outcome.state.message, started, result_json, cached=outcome.state.cached)
        recorder.record(row)
        if hooks.active():
            hooks.run_finished(
                run_id=run.id,
                kind=unit.kind,
                name=unit.name,
                state=row.state,
                duration=time.time() - started,
                cached=row.cached,
            )
        is_literal = result_json is not None and result_json.startswith(_LITERAL)
        if (unit.kind == "flow" and run.parent is None) or (is_literal and plan.store is not None):
            # A reference is durable by now; a literal lives in the run's row alone.
            written = yield Blocking(recorder.flush)
            if not written and is_literal and plan.store is not None:
                yield Blocking(partial(keep_uncatalogued, unit, run, plan.store, outcome.value))
        return outcome
    finally:
        current.reset(token)


def _enter_flow(unit: Unit[Any, Any], run: Run, made: Plan) -> None:
    run.flow = run
    run.plans = {}
    around = run.parent.scope if run.parent is not None else None
    run.scope = made.resolution.scope(unit.options, around)
    if unit.options.task_runner is not None:
        run.task_runner = unit.options.task_runner


def _produce(
    unit: Unit[Any, Any], run: Run, made: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Steps[Done]:
    """The value: replayed, out of the cache, or computed and kept."""
    options = unit.options
    parameters = None
    if options.caching is not None or options.result_storage_key is not None:
        parameters = unit.bind(args, kwargs)
    key = _cache_key(unit, run, parameters) if options.caching is not None else None
    if options.caching is not None and key is None:
        made = plan(unit.uncached, run.parent, run.root)
    replays = run.replays
    if unit.kind == "flow" and options.retries:
        run.replays = Replays(replays)
    claims = claims_of(unit, replays, args, kwargs) if replays is not None and made.store is not None else []
    for table, identity in claims:
        if (result := table.kept(identity)) is not None:
            replayed = yield Blocking(partial(replay, unit, result))
            if replayed is not None:
                return replayed  # type: ignore[no-any-return] - what _replay returns
    if key is None or made.store is None:
        done = yield from _compute(unit, run, made, args, kwargs, None, parameters)
    else:
        done = yield from _cached(unit, run, made, args, kwargs, key, parameters)
    if done.kept is not None:
        for table, identity in claims:
            table.keep(identity, done.kept.result)
    return done


def _cache_key(unit: Unit[Any, Any], run: Run, parameters: dict[str, Any] | None) -> str | None:
    flow_run = run.flow if unit.kind == "task" else (run.parent.flow if run.parent is not None else None)
    context = CacheContext(task=unit, run=run, flow_run=flow_run, parameters=parameters or {})
    options = unit.options
    if options.cache_key_fn is not None:
        key = options.cache_key_fn(context, dict(context.parameters))
    else:
        key = options.cache_policy.key(context)
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(
            f"The cache key of {unit.name!r} is a text, or None for a call that is not cached; its {options.caching} "
            f"returned a {type(key).__name__}."
        )
    return key


def _cached(
    unit: Unit[Any, Any],
    run: Run,
    made: Plan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    key: str,
    parameters: dict[str, Any] | None,
) -> Steps[Done]:
    options, store = unit.options, made.store
    if store is None:
        raise TypeError("a cached call has a store")
    look = partial(
        lookup,
        store,
        key,
        cache_in_memory=options.cache_result_in_memory,
        accept=run.root.settings.results_accept,
        on_storage_error=options.on_storage_error,
    )
    if not options.refresh_cache and (hit := (yield Blocking(look))) is not None:
        return _hit(unit, run, hit)
    if hooks.active():
        hooks.cache_miss(run_id=run.id, name=unit.name, key=record_key(key))
    manager = lock_for(store.storage, record_key(key))
    if manager is None:
        return (yield from _compute(unit, run, made, args, kwargs, key, parameters))
    lease = yield Blocking(partial(manager.acquire, record_key(key)))
    try:
        # Somebody may have computed it while we waited for the lock.
        if not options.refresh_cache and (hit := (yield Blocking(look))) is not None:
            return _hit(unit, run, hit)
        with computing(record_key(key)):
            return (yield from _compute(unit, run, made, args, kwargs, key, parameters))
    finally:
        lease.release()


def _hit(unit: Unit[Any, Any], run: Run, hit: tuple[Any, Kept]) -> Done:
    value, kept = hit
    if hooks.active():
        hooks.cache_hit(run_id=run.id, name=unit.name, reference=kept.json)
    return Done(value, kept, cached=True, message="cached")


def _compute(
    unit: Unit[Any, Any],
    run: Run,
    made: Plan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    key: str | None,
    parameters: dict[str, Any] | None,
) -> Steps[Done]:
    value, error = yield from _attempts(unit, run, made, args, kwargs)
    if error is not None:
        raise error
    if made.resolution.forbidden:
        return Done(value, None, cached=False)
    try:
        kept = yield Blocking(partial(keep, unit, run, made.store, value, key=key, parameters=parameters))
    except (ResultError, StorageError) as failure:
        if made.resolution.persist.source != "retries":
            failure.value = value  # type: ignore[union-attr] - both leaves that `keep` raises have it
            raise
        warnings.warn(
            f"The result of {unit.kind} {unit.name!r} is returned but could not be kept, so a retry of the flow around "
            f"it would compute it again: {failure}",
            HoldallWarning,
            stacklevel=2,
        )
        kept = None
    return Done(value, kept, cached=False)


def _attempts(
    unit: Unit[Any, Any], run: Run, made: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Steps[tuple[Any, BaseException | None]]:
    """The body, again while it fails and may. Returns the error: raised here, a StopIteration would end the generator."""
    options = unit.options
    body = Body(partial(unit.fn, *args, **kwargs))
    while True:
        if run.replays is not None and unit.kind == "flow" and options.retries:
            run.replays.start_attempt()
        try:
            value = yield body
        except BaseException as error:  # noqa: BLE001 - returned, not swallowed
            failure: BaseException | None = error
        else:
            failure = None
        if run.runner is not None:
            # Nothing that this run submitted outlives it, and a future that it returns is its result.
            yield Blocking(partial(_settle, run))
            if failure is None:
                try:
                    value = resolved(value)
                except BaseException as error:  # noqa: BLE001 - as above
                    failure = error
        if failure is None:
            return value, None
        if not isinstance(failure, Exception) or not _may_retry(unit, run, failure):
            return UNSET, failure
        if made.resolution.forbidden:
            refused = PersistenceRequiredError(refusal(made.resolution, "retries"))
            refused.__cause__ = failure
            return UNSET, refused
        delay = delay_before(run.attempt, retries=options.retries, delay=options.retry_delay_seconds)
        if hooks.active():
            hooks.retry_scheduled(run_id=run.id, name=unit.name, attempt=run.attempt, delay=delay)
        if delay:
            yield Sleep(delay)
        run.attempt += 1


def _may_retry(unit: Unit[Any, Any], run: Run, failure: Exception) -> bool:
    options = unit.options
    if run.attempt > options.retries or isinstance(failure, PersistenceRequiredError):
        return False
    condition = options.retry_condition_fn
    if condition is None:
        return True
    return bool(condition(unit, run, _state(unit, run, "failed", str(failure), None, UNSET, failure)))


def claims_of(unit: Unit[Any, Any], replays: Replays, args: Any, kwargs: Any) -> list[Any]:
    """The identities of this call in the retrying flows around it."""
    try:
        inputs = digest((args, kwargs))
    except ConfigurationError:
        return []  # inputs that cannot be hashed mean that it runs again
    return replays.claim(unit.function_name, inputs)


def replay(unit: Unit[Any, Any], result: ResultLiteral | ResultReference) -> Done | None:
    """What an earlier attempt kept, or None where it cannot be read any more."""
    try:
        value = result.get()
    except (ResultError, StorageError) as error:
        warnings.warn(
            f"{unit.name!r} runs again in this attempt, as its kept result cannot be read: {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return None
    return Done(value, Kept(result, result.json()), cached=True, message="replayed")


def _settle(run: Run) -> None:
    """Wait for what the run submitted, and say what failed there if nobody asked."""
    runner, run.runner = run.runner, None
    if runner is None:
        return
    submitted, run.submitted = run.submitted, []
    for future in submitted:
        future.wait()
    runner.shutdown()
    for future in submitted:
        if (error := future.unobserved_failure) is not None:
            warnings.warn(
                f"The submitted run of {future.name} failed and nobody asked for its result: "
                f"{type(error).__name__}: {error}",
                HoldallWarning,
                stacklevel=2,
            )


def _failure(error: BaseException) -> tuple[str, str]:
    kind = "failed" if isinstance(error, Exception) else "cancelled"
    return kind, f"{type(error).__name__}: {error}"[:1000]


def _row(
    unit: Unit[Any, Any], run: Run, state: str, message: str | None, started: float, result: str | None, *, cached: bool
) -> RunRow:
    parent = run.parent
    return RunRow(
        run.id,
        unit.kind,
        unit.name,
        unit.function_name,
        run.flow_run_id,
        None if parent is None else parent.id,
        state,
        message,
        started,
        None if state == "running" else time.time(),
        run.attempt,
        result,
        cached,
    )


def _state(
    unit: Unit[Any, Any],
    run: Run,
    kind: Any,
    message: str | None,
    kept: Any,
    value: Any,
    error: BaseException | None,
    *,
    cached: bool = False,
) -> State[Any]:
    return State(
        type=kind,
        kind=unit.kind,
        run_id=run.id,
        name=run.name,
        message=message,
        reference=kept,
        cached=cached,
        attempts=run.attempt,
        _value=value,
        _error=error,
    )
