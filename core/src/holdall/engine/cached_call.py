"""Cached calls: the cache key, the lookup, and one computation for all callers that miss at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall.cache import CacheContext
from holdall.engine.outcome import RunOutcome
from holdall.engine.persist import handle_lock_error, lookup
from holdall.engine.run import current
from holdall.engine.single_flight import SingleFlight
from holdall.engine.steps import Blocking
from holdall.errors import ConfigurationError, HoldallWarning, StorageError
from holdall.hooks.listeners import listeners
from holdall.results.layout import record_key

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.persist import StoredResult
    from holdall.engine.run import CallContext, Run
    from holdall.engine.steps import Steps
    from holdall.results.record import Record
    from holdall.results.store import ResultStore


Overtaken = Callable[[], "Steps[RunOutcome | None]"]
"""Called before a value is stored: gives the result of a caller that took over the turn meanwhile, or None."""


class CacheLookup(NamedTuple):
    """Parameters by name and cache key of a call that was looked up; `absent`: its storage has no entry."""

    parameters: dict[str, Any]
    key: str | None
    absent: bool = False


def cache_key(definition: AnyDefinition, run: Run, parameters: dict[str, Any] | None) -> str | None:
    """Returns the cache key of a call, or None if the call is not cached."""
    flow_run = run.flow if definition.kind == "task" else (run.parent.flow if run.parent is not None else None)
    context = CacheContext(task=definition, run=run, flow_run=flow_run, parameters=parameters or {})
    options = definition.options
    if options.cache_key_fn is not None:
        key = options.cache_key_fn(context, dict(context.parameters))
    else:
        key = options.cache_policy.key(context)
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(
            f"The cache key of {definition.name!r} is a text, or None for a call that is not cached; its {options.caching} "
            f"returned a {type(key).__name__}."
        )
    return key


def key_parts(definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str]:
    """Returns the parts of the cache key of a call made here; see `Runnable.key_parts`."""
    options = definition.options
    around = current.get()
    flow_run = None if around is None else around.flow
    context = CacheContext(task=definition, run=around, flow_run=flow_run, parameters=definition.bind(args, kwargs))
    if options.cache_key_fn is not None:
        return {"cache_key_fn": str(options.cache_key_fn(context, dict(context.parameters)))}
    if options.caching is None:
        return {}
    return dict(sorted(options.cache_policy.shown(context).items()))


def cached(
    call: CallContext,
    store: ResultStore,
    key: str,
    compute: Callable[[Overtaken], Steps[RunOutcome]],
    *,
    absent: bool = False,
) -> Steps[RunOutcome]:
    """Returns the hit or the outcome of `compute`; if the storage can lock, one caller computes while the others wait.

    `absent`: the storage has just been asked and has no record. `compute` calls its argument between the body and the write
    of the value, because the lease may have been lost meanwhile.
    """
    definition, run, plan = call.definition, call.run, call.plan
    options = definition.options
    warned: list[str] = []
    look_up = partial(
        lookup,
        store,
        key,
        warned=warned,
        home=run.session.settings.home,
        cache_in_memory=options.cache_result_in_memory,
        accept=definition.trusted | run.session.settings.results_accept,
        on_failure=plan.on_failure,
        on_hit=None if options.cache_key_fn is None else partial(_warn_of_other_function, definition),
    )
    if not (absent or options.refresh_cache) and (hit := (yield Blocking(look_up))) is not None:
        return _hit(definition, run, hit)
    store.check_signer()
    listeners.cache_miss(run_id=run.id, name=definition.name, key=record_key(key))
    flight = SingleFlight(store, record_key(key), run.session.settings)

    def overtaken() -> Steps[RunOutcome | None]:
        if flight.held or (newer := (yield Blocking(partial(_newer, flight, look_up)))) is None:
            return None
        consequence = (
            "what is kept there now is replaced, as refresh_cache=True asks"
            if options.refresh_cache
            else "its result is returned and stays"
        )
        warnings.warn(
            f"While {definition.kind} {definition.name!r} ran its body, this process stood still or did not reach the storage "
            f"for so long that another caller took over and may have computed the same: {consequence}.",
            HoldallWarning,
            stacklevel=2,
        )
        return None if options.refresh_cache else _hit(definition, run, newer)

    try:
        try:
            yield from flight.enter()
        except StorageError as error:
            handle_lock_error(error, plan.on_failure, warned)
        # Another caller may have computed it meanwhile, unless this is the first holder of the lease.
        if not (flight.is_first or options.refresh_cache) and (hit := (yield Blocking(look_up))) is not None:
            return _hit(definition, run, hit)
        return (yield from compute(overtaken))
    except GeneratorExit:
        flight.release()  # a generator that is being closed takes no step any more
        raise
    finally:
        yield from flight.leave()


def _warn_of_other_function(definition: AnyDefinition, record: Record) -> None:
    """Warns once if another function with another `cache_key_fn` stored the record under the same key."""
    made_by, keyed_by = record.producer.get("function"), record.producer.get("cache_key_fn")
    if (
        made_by == definition.function_name
        or keyed_by in {None, definition.key_function}
        or definition.shared.get("stranger")
    ):
        return
    definition.shared["stranger"] = True
    warnings.warn(
        f"The call of {definition.kind} {definition.name!r} was answered with a result of {made_by}: the cache_key_fn of each "
        "made the same text, which makes them the same call. If they are not, put the name of the task into the text: "
        'f"{context.task.name}-…".',
        HoldallWarning,
        stacklevel=2,
    )


def _newer(
    flight: SingleFlight, look_up: Callable[[], tuple[Any, StoredResult] | None]
) -> tuple[Any, StoredResult] | None:
    """Returns the result of a caller that took over the lease; None if none did, or if it has stored nothing yet."""
    try:
        flight.refresh()
        return None if flight.held else look_up()
    except StorageError:
        return None  # writing the value meets the same error, and handles it


def _hit(definition: AnyDefinition, run: Run, hit: tuple[Any, StoredResult]) -> RunOutcome:
    value, stored = hit
    listeners.cache_hit(run_id=run.id, name=definition.name, reference=stored.json)
    return RunOutcome(value, stored, cached=True, message="cached")
