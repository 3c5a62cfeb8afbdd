"""Quick path of a call: a sync task that has nothing to look up or to retry, and a small cache hit.

Every other call goes through the generator `engine.execute`. Both paths leave the same in storage and catalog; tests compare
them. ADR 5 says why this path exists, and `python benchmarks/run.py calls small` measures it. On two noisy cores:

* A task call without a stored result costs 3 to 7 us here and 12 to 20 us in `execute`; the limit is 15 us.
* A hit costs about 5 times an open, a read and an unpickle here, and 8 to 15 times in `execute`; the limit is 5 times.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from holdall.engine.attempts import join_submitted
from holdall.engine.outcome import failure_of, row_of, state_of
from holdall.engine.persist import StoredResult, persist, write_uncatalogued
from holdall.engine.replay import call_digests
from holdall.engine.run import current
from holdall.errors import ConfigurationError, KeyMissing, PluginError, ResultError, StorageError
from holdall.results.layout import record_key
from holdall.results.record import quoted
from holdall.results.references import ResultLiteral
from holdall.results.spool import may_hold
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.cached_call import CacheLookup
    from holdall.engine.plan import ExecutionPlan
    from holdall.engine.run import Run

_LITERALS: Final = {
    value: StoredResult(literal, literal.json())
    for value in (None, True, False)
    for literal in (ResultLiteral(value=value),)
}


def call_simple(
    definition: AnyDefinition,
    run: Run,
    plan: ExecutionPlan,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    return_state: bool,
) -> Any:
    """Calls a sync task with nothing to look up or to retry: the body, its result if one is stored, one row for the catalog.

    Returns the value; with `return_state` the state, whatever the body raises.
    """
    token = current.set(run)
    started = time.time()
    store, stored = plan.store, None
    state, message = "completed", None
    if run.replays is not None:
        run.call_digests = partial(call_digests, definition, args, kwargs)
    try:
        try:
            value = definition.fn(*args, **kwargs)
            if run.runner is not None:
                value = join_submitted(run, value)
        finally:
            if run.runner is not None:
                join_submitted(run)
        if store is not None:
            stored = persist(definition, run, plan, value)
        elif (value is None or value is True or value is False) and not plan.resolution.forbidden:
            stored = _LITERALS[value]
    except BaseException as error:
        state, message = failure_of(error)
        if return_state:
            return state_of(definition, run, state, message, None, UNSET, error)
        raise
    finally:
        current.reset(token)
        result = None if stored is None else stored.json
        run.session.recorder.record(row_of(definition, run, state, message, started, result, cached=False))
    if store is not None and stored is not None and stored.is_literal and not run.session.recorder.flush():
        write_uncatalogued(definition, run, store, value)
    if not return_state:
        return value
    held = value if definition.options.cache_result_in_memory or stored is None else UNSET
    return state_of(definition, run, state, message, None if stored is None else stored.result, held, None)


def call_hit(
    definition: AnyDefinition, run: Run, plan: ExecutionPlan, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, CacheLookup]:
    """Returns the value of a small hit, or UNSET, and the lookup that `execute` need not repeat.

    A hit is the call that caching is for, so it takes no generator, no state and no second read of its record. All other
    cases are left to `execute`, which handles every error.
    """
    from holdall.engine.cached_call import CacheLookup, cache_key

    started = time.time()
    parameters = definition.bind(args, kwargs)
    key = cache_key(definition, run, parameters)
    looked_up = CacheLookup(parameters, key)
    # A result in the spool may be newer than the one in the storage.
    if key is None or plan.store is None or may_hold(run.session.settings.home):
        return UNSET, looked_up
    path = record_key(key)
    # Another function may have made the same key: `execute` warns of that.
    marker = (
        b"" if definition.options.cache_key_fn is None else f'"function": {quoted(definition.function_name)}'.encode()
    )
    try:
        loaded = plan.store.read_quickly(path, having=marker)
    except KeyMissing:
        return UNSET, looked_up._replace(absent=True)
    except (StorageError, ResultError, ConfigurationError, PluginError):
        return UNSET, looked_up  # `execute` reports the error
    if loaded is None:
        return UNSET, looked_up
    value, run_id = loaded
    reference = plan.store.reference_json(path, run_id)
    run.session.recorder.record(row_of(definition, run, "completed", "cached", started, reference, cached=True))
    return value, looked_up
