"""The engine's dealings with storage and catalog: look up what was kept, keep what was computed."""

from __future__ import annotations

import json
import sys
import time
import warnings
from functools import cache as memoized
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.errors import (
    ConfigurationError,
    ExpiredResultError,
    HoldallError,
    HoldallWarning,
    MissingResultError,
    PluginError,
    ResultError,
    StorageError,
)
from holdall.hooks.listeners import listeners
from holdall.results import spool
from holdall.results.layout import check_name, copy_name, own_key, record_key
from holdall.results.references import ResultLiteral, ResultReference, is_literal
from holdall.types import ReferenceRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.declaration.definition import Unit
    from holdall.engine.run import Run
    from holdall.results.record import Record
    from holdall.results.store import ResultStore

Result = ResultLiteral | ResultReference
_LONG_SUFFIX: Final = ".extension.suffix"
"""As long as that of any format."""
_LATEST: Final = 253_370_764_800.0  # the year 9999: what RFC 3339 can say


class StoredResult(NamedTuple):
    """A result and the JSON that the catalog's run row holds of it.

    `for_replays_alone`: nobody asked for it by name, and its storage did not take it; so neither catalog nor state has it.
    """

    result: Result
    json: str
    for_replays_alone: bool = False

    @property
    def is_literal(self) -> bool:
        """Whether the row of its run is all that there is of it, unless a record says the same."""
        return type(self.result) is ResultLiteral


def lookup(
    store: ResultStore,
    key: str,
    *,
    home: str,
    cache_in_memory: bool,
    accept: frozenset[str],
    on_storage_error: str,
    complained: list[str],
    seen: Callable[[Record], None] | None = None,
) -> tuple[Any, StoredResult] | None:
    """The value kept under a cache key, in the storage or the spool of `home`, or None for a miss. `seen` is given its record.

    A miss is: absent, expired, or read and found bad.

    `complained` holds what was said of this entry already: two looks at one bad entry make one warning.

    Raises:
        StorageError: the storage cannot be reached or refuses; that never means "no" (unless `on_storage_error="run"`).
    """
    record = None

    def load(holder: ResultStore, found: Record) -> tuple[Record, Any]:
        nonlocal record
        record = found
        return holder.loaded(found, accept=accept)

    try:
        record, value = spool.read(store, home, methodcaller("record", record_key(key)), load)
    except (ResultError, StorageError, ConfigurationError, PluginError) as error:  # the latter two: an unknown format
        absent = isinstance(error, MissingResultError) and record is None
        if not absent and not isinstance(error, ExpiredResultError):
            _complain(error, on_storage_error, complained)
        return None
    if seen is not None:
        seen(record)
    return value, _found(store, record, value, cache_in_memory=cache_in_memory)


def _found(store: ResultStore, record: Record, value: Any, *, cache_in_memory: bool) -> StoredResult:
    if is_literal(value):
        literal = ResultLiteral(value=value)
        return StoredResult(literal, literal.json())
    reference = store.reference(
        record.key,
        value,
        record.serializer,
        run_id=record.run_id,
        name=record.name,
        cache_in_memory=cache_in_memory,
    )
    return StoredResult(reference, _json(reference, store))


def _json(reference: ResultReference, store: ResultStore) -> str:
    if reference.serializer is store.serializer:
        return store.reference_json(reference.key, reference.run_id, reference.name)
    return reference.json()


def _complain(error: HoldallError, on_storage_error: str, complained: list[str]) -> None:
    if isinstance(error, StorageError):
        if on_storage_error != "run":
            raise error
        _say_once(f"The cache could not be asked, so the body runs (on_storage_error='run'): {error}", complained)
    else:
        _say_once(f"A cached result could not be used, so the body runs again and replaces it: {error}", complained)


def unlocked(error: StorageError, on_storage_error: str, complained: list[str], *, spools: bool) -> None:
    """Raise it, or say once that the body runs all the same: whose result may go to the spool has its miss already."""
    if on_storage_error != "run" and not spools:
        raise error
    _say_once(f"The cache could not be locked, so the body runs, perhaps elsewhere as well: {error}", complained)


def _say_once(message: str, complained: list[str]) -> None:
    if complained:
        return
    complained.append(message)
    warnings.warn(message, HoldallWarning, stacklevel=4)


def keep(
    unit: Unit[Any, Any],
    run: Run,
    store: ResultStore | None,
    value: Any,
    *,
    key: str | None,
    named: str | None,
    through: ResultStore | None = None,
    indexed: bool = True,
) -> StoredResult | None:
    """Store a value and its reference; when this returns, both survive SIGKILL.

    `through` writes in the place of `store`, to which the reference leads in any case. Unless `indexed`, nobody is told.

    Raises:
        SerializationError, StorageError: with the value attached; nothing half-written is visible.
    """
    options = unit.options
    writer = through or store
    created = time.time()
    expires = None
    if key is not None and options.cache_expiration is not None:
        expires = min(created + options.cache_expiration.total_seconds(), _LATEST)
    if is_literal(value):
        literal = ResultLiteral(value=value)
        if writer is not None:
            # Another machine with another catalog has the hit as well; and a name never leads to an older value.
            cached_under = None if key is None else record_key(key)
            if cached_under is not None or named is not None:
                writer.write_literal(value, key=cached_under, name=named, producer=producer(unit, run), expires=expires)
        return StoredResult(literal, literal.json())
    if store is None or writer is None:
        return None
    stored = writer.write(
        value,
        key=record_key(key) if key is not None else own_key(run.id) if named is None else None,
        name=named,
        published=writer is store,  # what is in the spool is read by nobody else, and published where it is sent
        producer=producer(unit, run),
        created=created,
        expires=expires,
    )
    # Through the store itself, which finds the result in the spool as well.
    reference = store.reference(
        stored.key,
        value,
        stored.serializer,
        run_id=run.id,
        name=named,
        cache_in_memory=options.cache_result_in_memory,
    )
    text = _json(reference, store)
    if not indexed:
        return StoredResult(reference, text)
    run.root.recorder.add_reference(
        ReferenceRow(store.label, reference.key, text, run.id, unit.name, stored.size, created, expires)
    )
    listeners.result_written(reference=text, size=stored.size, seconds=time.time() - created)
    return StoredResult(reference, text)


def key_of(unit: Unit[Any, Any], run: Run, parameters: Any, store: ResultStore) -> str:
    """The `result_storage_key`, filled in.

    Raises:
        ConfigurationError: it names what is not there, or comes to a name that results may not have, or that the storage
            cannot hold.
    """
    template = unit.options.result_storage_key or ""
    flow_run = run if run.kind == "flow" else run.flow
    try:
        key = template.format(
            parameters=parameters, run=run, task_run=run, flow_run=flow_run, name=unit.name, task=unit, flow=flow_run
        )
    except (KeyError, IndexError, AttributeError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"The result_storage_key {template!r} of {unit.name!r} cannot be filled in: "
            f"{type(error).__name__}: {error}. "
            "It may name {parameters[…]}, {task_run.name}, {flow_run.name} (inside a flow), {run.id} and {name}."
        ) from error
    check_name(
        key, what=f"The result_storage_key {template!r} of {unit.name!r} comes to a name that results cannot have:"
    )
    copy_name(key, store.codec.suffix)
    # The readable copy is called so, and may not fail when the work is done, whatever format is chosen then.
    store.storage.check_key(copy_name(key, _LONG_SUFFIX))
    return key


def keep_uncatalogued(unit: Unit[Any, Any], run: Run, store: ResultStore, value: bool | None) -> None:
    """A literal that the catalog could not take, as a record in storage."""
    try:
        store.write_literal(value, key=own_key(run.id), producer=producer(unit, run))
    except HoldallError as error:
        warnings.warn(
            f"The result {value} of {unit.kind} {unit.name!r} is returned, but neither the catalog nor the storage "
            f"kept it: {error}",
            HoldallWarning,
            stacklevel=2,
        )


def producer(unit: Unit[Any, Any], run: Run) -> str:
    """JSON for the record: what made the result."""
    flow = run.flow_run_id
    told = "null" if flow is None else f'"{flow}"'
    options = unit.options
    keyed_by = None if options.cache_key_fn is None else unit.key_function
    by_policy = options.caching == "cache_policy"
    return f'{_made_by(unit.kind, unit.function_name, unit.name, keyed_by, by_policy)},"run_id":"{run.id}","flow_run_id":{told}}}'


@memoized
def _made_by(kind: str, function: str, name: str, keyed_by: str | None, by_policy: bool) -> str:
    from holdall._version import VERSION

    made: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "function": function,
        "holdall": VERSION,
        "python": "{}.{}.{}".format(*sys.version_info),
    }
    if keyed_by is not None:
        made["cache_key_fn"] = keyed_by
    if by_policy:
        from holdall.cache.policies import KEY_VERSION

        made["key_version"] = KEY_VERSION
    return json.dumps(made)[:-1]
