"""Cached calls: the cache key, the lookup, and one computation for all callers that miss at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall.cache import CacheContext
from holdall.engine.context import current
from holdall.engine.outcome import RunOutcome
from holdall.engine.persist import lookup, unlocked
from holdall.engine.single_flight import Flight
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
    """What the key of a call made here would count, as `Runnable.key_parts` says."""
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
    """Gives the hit, or what `compute` gives: once per storage where it can lock, while others wait for the record.

    `absent`: the storage has just been asked, and nothing was there.

    Between the body and the keeping of its value `compute` asks what it is given: a lease may have been lost meanwhile.
    """
    definition, run, plan = call.definition, call.run, call.plan
    options = definition.options
    complained: list[str] = []
    look = partial(
        lookup,
        store,
        key,
        complained=complained,
        home=run.session.settings.home,
        cache_in_memory=options.cache_result_in_memory,
        accept=definition.trusted | run.session.settings.results_accept,
        on_failure=plan.on_failure,
        seen=None if options.cache_key_fn is None else partial(_warn_of_strangers, definition),
    )
    if not (absent or options.refresh_cache) and (hit := (yield Blocking(look))) is not None:
        return _hit(definition, run, hit)
    store.check_signer()
    listeners.cache_miss(run_id=run.id, name=definition.name, key=record_key(key))
    flight = Flight(store, record_key(key), run.session.settings)

    def overtaken() -> Steps[RunOutcome | None]:
        if flight.held or (newer := (yield Blocking(partial(_newer, flight, look)))) is None:
            return None
        became = (
            "what is kept there now is replaced, as refresh_cache=True asks"
            if options.refresh_cache
            else "its result is returned and stays"
        )
        warnings.warn(
            f"While {definition.kind} {definition.name!r} ran its body, this process stood still or did not reach the storage "
            f"for so long that another caller took over and may have computed the same: {became}.",
            HoldallWarning,
            stacklevel=2,
        )
        return None if options.refresh_cache else _hit(definition, run, newer)

    try:
        try:
            yield from flight.enter()
        except StorageError as error:
            unlocked(error, plan.on_failure, complained)
        # Somebody may have computed it meanwhile, but not before the first holder of all.
        if not (flight.is_first or options.refresh_cache) and (hit := (yield Blocking(look))) is not None:
            return _hit(definition, run, hit)
        return (yield from compute(overtaken))
    except GeneratorExit:
        flight.release()  # a generator that is being closed takes no step any more
        raise
    finally:
        yield from flight.leave()


def _warn_of_strangers(definition: AnyDefinition, record: Record) -> None:
    """Say once that two key functions make the same text for two functions: they may have been meant to, or not."""
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


def _newer(flight: Flight, look: Callable[[], tuple[Any, StoredResult] | None]) -> tuple[Any, StoredResult] | None:
    """What is kept where somebody else took over; None where nobody did, or has kept nothing yet."""
    try:
        flight.refresh()
        return None if flight.held else look()
    except StorageError:
        return None  # keeping the value meets the same trouble, and has a place for both


def _hit(definition: AnyDefinition, run: Run, hit: tuple[Any, StoredResult]) -> RunOutcome:
    value, kept = hit
    listeners.cache_hit(run_id=run.id, name=definition.name, reference=kept.json)
    return RunOutcome(value, kept, cached=True, message="cached")
