"""Lookup of stored results, and writes of computed ones to the storage or its spool and to the catalog."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from functools import cache as memoized
from functools import partial
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

    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.plan import ExecutionPlan
    from holdall.engine.run import Run
    from holdall.results.record import Record
    from holdall.results.store import ResultStore
    from holdall.types import OnFailure

Result = ResultLiteral | ResultReference
_LONG_SUFFIX: Final = ".extension.suffix"
"""Suffix that is as long as that of any format."""
_LATEST: Final = 253_370_764_800.0  # the year 9999, the last of RFC 3339


class StoredResult(NamedTuple):
    """Result of a run and its JSON for the row of the run in the catalog.

    `for_replays_alone`: only `retries` need it and its storage did not accept it, so neither catalog nor state has it.
    """

    result: Result
    json: str
    for_replays_alone: bool = False

    @property
    def is_literal(self) -> bool:
        """Whether it is True, False or None, which are stored in the row of the run and not as an object of the storage."""
        return type(self.result) is ResultLiteral


def lookup(
    store: ResultStore,
    key: str,
    *,
    home: str,
    cache_in_memory: bool,
    accept: frozenset[str],
    on_failure: OnFailure,
    warned: list[str],
    on_hit: Callable[[Record], None] | None = None,
) -> tuple[Any, StoredResult] | None:
    """Returns the value under a cache key, from the storage or the spool of `home`, or None for a miss.

    A miss is an entry that is absent, expired or unusable. `on_hit` is called with the record of a hit. `warned` holds the
    warning of this entry, if there was one, so that two lookups of one bad entry warn once.

    Raises:
        StorageError: the storage cannot be reached or refuses, which is a miss only with `on_failure="run"`.
    """
    record = None

    def load(holder: ResultStore, candidate: Record) -> tuple[Record, Any]:
        nonlocal record
        record = candidate
        return holder.loaded(candidate, accept=accept)

    try:
        record, value = spool.read(store, home, methodcaller("record", record_key(key)), load)
    except (ResultError, StorageError, ConfigurationError, PluginError) as error:  # the latter two: an unknown format
        absent = isinstance(error, MissingResultError) and record is None
        if not absent and not isinstance(error, ExpiredResultError):
            _handle_lookup_error(error, on_failure, warned)
        return None
    if on_hit is not None:
        on_hit(record)
    return value, _stored_at(store, record, value, cache_in_memory=cache_in_memory)


def _stored_at(store: ResultStore, record: Record, value: Any, *, cache_in_memory: bool) -> StoredResult:
    if is_literal(value):
        return _literal(value)
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


def _handle_lookup_error(error: HoldallError, on_failure: OnFailure, warned: list[str]) -> None:
    if isinstance(error, StorageError):
        if on_failure != "run":
            raise error
        _warn_once(f"The cache could not be asked, so the body runs: {error}", warned)
    else:
        _warn_once(f"A cached result could not be used, so the body runs again and replaces it: {error}", warned)


def handle_lock_error(error: StorageError, on_failure: OnFailure, warned: list[str]) -> None:
    """Raises the error, or warns once that the body runs without a lock."""
    if on_failure == "raise":
        raise error
    _warn_once(f"The cache could not be locked, so the body runs, perhaps elsewhere as well: {error}", warned)


def _warn_once(message: str, warned: list[str]) -> None:
    if warned:
        return
    warned.append(message)
    warnings.warn(message, HoldallWarning, stacklevel=4)


def persist(
    definition: AnyDefinition,
    run: Run,
    plan: ExecutionPlan,
    value: Any,
    *,
    key: str | None = None,
    name: str | None = None,
) -> StoredResult | None:
    """Writes a value under its cache key, a user's name or its run, and its reference to the catalog.

    When this returns, both survive SIGKILL. If the storage does not accept the value, it is written to the spool; the plan's
    `on_failure` decides whether the run goes on. It also goes on if only `retries` need the result, which is then there for
    replays alone.

    Raises:
        HoldallError: with the value attached; `kept` and a note say where its bytes are, if anywhere. Mostly a
            SerializationError or a StorageError; also a key that the storage cannot have, or a library that is missing.
    """
    store = plan.store
    if store is None:
        return _literal(value) if is_literal(value) else None
    write = partial(_write, definition, run, store, value, key, name)
    for_retries_alone = plan.resolution.for_retries_alone
    try:
        stored, row = write(store)
    except HoldallError as failure:
        failure.value = value
        # A serializer that fails would fail in the spool as well.
        spooled = None
        if not isinstance(failure, ResultError) and (failure.kept is None or plan.on_failure != "raise"):
            spooled = _spooled(run, store, write)
        if spooled is None:
            if not for_retries_alone and (plan.on_failure != "run" or isinstance(failure, ResultError)):
                raise
            _warn_unstored(definition, failure)
            return None
        stored, row = spooled
        if plan.on_failure == "raise":
            if not for_retries_alone:
                _note_spool(failure, stored, store, run)
                raise
            _warn_of_spool(definition, run, store, failure)
            return stored._replace(for_replays_alone=True)
        _warn_of_spool(definition, run, store, failure)
    if row is not None:
        run.session.recorder.add_reference(row)
        listeners.result_written(reference=row.reference, size=row.size, seconds=time.time() - row.created)
    return stored


def _literal(value: Any) -> StoredResult:
    literal = ResultLiteral(value=value)
    return StoredResult(literal, literal.json())


def _write(
    definition: AnyDefinition,
    run: Run,
    store: ResultStore,
    value: Any,
    key: str | None,
    name: str | None,
    writer: ResultStore,
) -> tuple[StoredResult, ReferenceRow | None]:
    """Writes a value with `writer`, the `store` itself or its spool. The reference leads to the `store` in either case.

    Raises:
        SerializationError, StorageError: with the value attached; nothing half-written is visible.
    """
    options = definition.options
    created = time.time()
    expires = None
    if key is not None and options.cache_expiration is not None:
        expires = min(created + options.cache_expiration.total_seconds(), _LATEST)
    if is_literal(value):
        # So another machine with another catalog has the hit too, and a name never leads to an older value.
        if key is not None or name is not None:
            cached_under = None if key is None else record_key(key)
            writer.write_literal(
                value, key=cached_under, name=name, producer=producer(definition, run), expires=expires
            )
        return _literal(value), None
    written = writer.write(
        value,
        key=record_key(key) if key is not None else own_key(run.id) if name is None else None,
        name=name,
        published=writer is store,  # a result in the spool is published when it is pushed
        producer=producer(definition, run),
        created=created,
        expires=expires,
    )
    # From the store itself, whose reads include the spool.
    reference = store.reference(
        written.key,
        value,
        written.serializer,
        run_id=run.id,
        name=name,
        cache_in_memory=options.cache_result_in_memory,
    )
    row_json = _json(reference, store)
    row = ReferenceRow(store.label, reference.key, row_json, run.id, definition.name, written.size, created, expires)
    return StoredResult(reference, row_json), row


def _spooled(
    run: Run, store: ResultStore, write: Callable[[ResultStore], tuple[StoredResult, ReferenceRow | None]]
) -> tuple[StoredResult, ReferenceRow | None] | None:
    """Returns what `write` returns for the spool; None if that fails too (the error of the storage has the value)."""
    try:
        return write(spool.opened(store, run.session.settings.home))
    except HoldallError:
        return None
    finally:
        spool.mark(run.session.settings.home)


def _note_spool(failure: HoldallError, stored: StoredResult, store: ResultStore, run: Run) -> None:
    folder = spool.folder(store.where, run.session.settings.home)
    failure.kept = os.path.join(folder, stored.result.key) if isinstance(stored.result, ResultReference) else folder
    failure.add_note(
        f"The computed value is not lost: it lies in the spool, {failure.kept}. Reads find it there, and "
        f"`holdall result push` sends it to {store.label} once that works again."
    )


def _warn_of_spool(definition: AnyDefinition, run: Run, store: ResultStore, failure: HoldallError) -> None:
    """Warns once for each storage and outermost run."""
    if not run.outermost.is_first_warning(store.where.identity):
        return
    folder = spool.folder(store.where, run.session.settings.home)
    warnings.warn(
        f"{store.label} did not take a result, that of {definition.kind} {definition.name!r}. What it does not take is kept "
        f"in the spool, {folder}, and the run goes on: reads find it there, and `holdall result push` sends it. {failure}",
        HoldallWarning,
        stacklevel=2,
    )


def _warn_unstored(definition: AnyDefinition, failure: HoldallError) -> None:
    warnings.warn(
        f"The result of {definition.kind} {definition.name!r} is returned but could not be kept, so it would be computed again "
        f"where it is needed again: {failure}",
        HoldallWarning,
        stacklevel=2,
    )


def storage_key_of(definition: AnyDefinition, run: Run, parameters: Any, store: ResultStore) -> str:
    """Returns the `result_storage_key` with its fields filled in.

    Raises:
        ConfigurationError: it names an unknown field, or the result is not a valid name of a result or key of the storage.
    """
    template = definition.options.result_storage_key or ""
    flow_run = run if run.kind == "flow" else run.flow
    try:
        key = template.format(
            parameters=parameters,
            run=run,
            task_run=run,
            flow_run=flow_run,
            name=definition.name,
            task=definition,
            flow=flow_run,
        )
    except (KeyError, IndexError, AttributeError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"The result_storage_key {template!r} of {definition.name!r} cannot be filled in: "
            f"{type(error).__name__}: {error}. "
            "It may name {parameters[…]}, {task_run.name}, {flow_run.name} (inside a flow), {run.id} and {name}."
        ) from error
    check_name(
        key,
        what=f"The result_storage_key {template!r} of {definition.name!r} comes to a name that results cannot have:",
    )
    copy_name(key, store.codec.suffix)
    # The name of the readable copy: it must be valid for any format that is chosen after the body has run.
    store.storage.check_key(copy_name(key, _LONG_SUFFIX))
    return key


def write_uncatalogued(definition: AnyDefinition, run: Run, store: ResultStore, value: bool | None) -> None:
    """Writes a literal that the catalog did not accept to the storage, as a record."""
    try:
        store.write_literal(value, key=own_key(run.id), producer=producer(definition, run))
    except HoldallError as error:
        warnings.warn(
            f"The result {value} of {definition.kind} {definition.name!r} is returned, but neither the catalog nor the storage "
            f"kept it: {error}",
            HoldallWarning,
            stacklevel=2,
        )


def producer(definition: AnyDefinition, run: Run) -> str:
    """Returns JSON for the record: the function and the run that made the result."""
    flow = "null" if run.flow_run_id is None else f'"{run.flow_run_id}"'
    options = definition.options
    keyed_by = None if options.cache_key_fn is None else definition.key_function
    by_policy = options.caching == "cache_policy"
    common = _producer(definition.kind, definition.function_name, definition.name, keyed_by, by_policy)
    return f'{common},"run_id":"{run.id}","flow_run_id":{flow}}}'


@memoized
def _producer(kind: str, function: str, name: str, keyed_by: str | None, by_policy: bool) -> str:
    from holdall._version import VERSION

    fields: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "function": function,
        "holdall": VERSION,
        "python": "{}.{}.{}".format(*sys.version_info),
    }
    if keyed_by is not None:
        fields["cache_key_fn"] = keyed_by
    if by_policy:
        from holdall.cache.policies import KEY_VERSION

        fields["key_version"] = KEY_VERSION
    return json.dumps(fields)[:-1]
