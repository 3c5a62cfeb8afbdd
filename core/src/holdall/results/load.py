"""Reads a result by its reference, its run id or its key, in any process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from holdall.builtin.local.directory import Directory
from holdall.catalog.open import catalog_path, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import CatalogError, ConfigurationError, MissingResultError, PluginError, UnknownBlockError
from holdall.hooks.listeners import listeners
from holdall.results import spool
from holdall.results.layout import candidates, own_key
from holdall.results.payload.codecs import make_codec
from holdall.results.references import ResultLiteral, ResultReference, from_json
from holdall.results.store import ResultStore
from holdall.settings.model import current
from holdall.types import SerializerReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage
    from holdall.results.record import Record
    from holdall.settings.model import Settings
    from holdall.types import StorageReference


_LOOKS: Final = 4


def fetch(
    reference: ResultReference,
    settings: Settings,
    /,
    *,
    accept: Iterable[str] = (),
    columns: Sequence[str] | None = None,
) -> Any:
    """Reads the value of a reference, through the store that wrote it or else one made from the reference.

    Raises:
        ResultError, ConfigurationError, StorageError: As `ResultReference.get`, which calls this.
    """
    store: ResultStore | None = reference._store  # noqa: SLF001 - the reference keeps it for this function alone
    if store is None:
        store = open_store(reference, settings)
    accepted = {*accept, *settings.results_accept}
    started = time.time()
    try:
        look = methodcaller("record", reference.key, run_id=reference.run_id, accept=accepted)

        def load(holder: ResultStore, record: Record) -> tuple[Record, Any]:
            return holder.loaded(record, run_id=reference.run_id, accept=accepted, columns=columns)

        record, value = spool.read(store, settings.home, look, load)
    except MissingResultError as error:
        _add_places(error, reference, settings)
        raise
    if listeners.active:
        size = record.payload.size if record.payload is not None else 0
        listeners.result_read(reference=reference.json(), size=size, seconds=time.time() - started)
    return value


def find(reference: ResultReference, settings: Settings, /) -> Record:
    """Reads the record of a reference alone, from where `fetch` reads.

    Raises:
        ResultError, ConfigurationError, StorageError: As `fetch`.
    """
    store: ResultStore | None = reference._store  # noqa: SLF001 - as in fetch
    look = methodcaller("record", reference.key, accept=frozenset(settings.results_accept))
    try:
        return spool.locate(store if store is not None else open_store(reference, settings), settings.home, look)[1]
    except MissingResultError as error:
        _add_places(error, reference, settings)
        raise


def _add_places(error: MissingResultError, reference: ResultReference, settings: Settings) -> None:
    """Adds to the error the storages where the catalog knows the result now: it may have been moved."""
    with suppress(CatalogError, ConfigurationError, PluginError):
        path = catalog_path(settings)
        if path is not None and not os.path.lexists(path):
            return  # looking must not make one
        rows = [from_json(row.reference) for row in open_catalog(settings).references(key=reference.key)]
        known = [row for row in rows if isinstance(row, ResultReference) and row.storage != reference.storage]
        others = [other for other in known if reference.run_id in {None, other.run_id}]
        if others:
            places = " and ".join(dict.fromkeys(other.storage.label for other in others))
            name = reference.name or reference.key
            hint = f"The catalog knows it in {places} now: holdall.load_result(key={name!r}) reads it there."
            error.args = (f"{error} {hint}", *error.args[1:])


def open_store(reference: ResultReference, settings: Settings, /) -> ResultStore:
    """Opens the store that a reference points to, with the credentials that its slug has here.

    Raises:
        HoldallError: As `open_storage`; or the serializer is unknown, or not installed.
    """
    return ResultStore(open_storage(reference.storage, settings), make_codec(reference.serializer), settings=settings)


def open_storage(where: StorageReference, settings: Settings, /) -> Storage:
    """Opens the storage at a recorded location.

    Raises:
        UnknownBlockError: The slug means nothing here, and its type needs credentials that only the slug has.
        ConfigurationError: The slug leads to another endpoint today: credentials are sent nowhere else.
    """
    local = where.type == Directory.slug
    if not local or where.slug is not None:
        from holdall.blocks.reopen import storage_at

        try:
            return storage_at(where, settings)
        except UnknownBlockError:
            if not local:
                raise  # a folder is there whoever knows its slug
    base = where.location.get("basepath")
    if not isinstance(base, str):
        raise ConfigurationError(f"A reference to a {where.type} names no basepath, and so no place: {where.label}.")
    return Directory(base)


def load_result(
    *,
    run: str | None = None,
    key: str | None = None,
    storage: Any = None,
    accept: Iterable[str] = (),
    columns: Sequence[str] | None = None,
) -> Any:
    """Reads the value of an earlier run, in any process.

    The catalog is asked for `run` or `key`, unless `storage` is given.

    Args:
        run: The id of the run, or its first characters; with `storage`, the whole id.
        key: The key of the result, or the name that it was written with.
        storage: A slug, block, path or URL to read from without a catalog.
        accept: As in `ResultReference.get`.
        columns: As in `ResultReference.get`.

    Raises:
        MissingResultError: The catalog knows no such run or key, the run stored no result, or it is gone.
        ConfigurationError: Both or neither of `run` and `key` are given.
        ResultError, StorageError: As `ResultReference.get`.
    """
    if (run is None) == (key is None):
        raise ConfigurationError("load_result takes run=… or key=…, one of them; either may come with storage=….")
    settings = current()
    if storage is not None:
        from holdall.blocks.values import from_value

        place = from_value(storage, settings=settings, directory=os.getcwd())
        # Nothing says what this storage is configured to hold, so the default decides whether a pickle may be read.
        store = ResultStore(place, _default_codec(settings), settings=settings)
        accepted = {*accept, *settings.results_accept}
        look = (
            methodcaller("record", own_key(run), run_id=run, accept=accepted)
            if run is not None
            else methodcaller("find", str(key), accept=accepted)
        )

        def load(holder: ResultStore, record: Record) -> tuple[Record, Any]:
            return holder.loaded(record, run_id=run, accept=accepted, columns=columns)

        return spool.read(store, settings.home, look, load)[1]
    look_up = partial(_of_run, run, settings) if run is not None else partial(_of_key, str(key), settings)
    return _followed(look_up, settings, accept, columns)


def _followed(
    look_up: Callable[[], ResultLiteral | ResultReference],
    settings: Settings,
    accept: Iterable[str],
    columns: Sequence[str] | None,
) -> Any:
    """Reads the value of what the catalog names; asks it again if nothing is there, as that may have been moved."""
    before = None
    for remaining in reversed(range(_LOOKS)):
        result = look_up()
        if isinstance(result, ResultLiteral):
            return result.get()
        try:
            return fetch(result, settings, accept=accept, columns=columns)
        except MissingResultError:
            if not remaining or result == before:
                raise
            before = result
    raise AssertionError("the last look returns or raises")


def _default_codec(settings: Settings) -> Codec:
    named = settings.results_default_serializer
    if named is None:
        return make_codec(SerializerReference(type="pickle"))
    from holdall.plugins import registry

    return registry.serializer(named)


def _of_run(run: str, settings: Settings) -> ResultLiteral | ResultReference:
    recorder_for(open_catalog(settings)).flush()  # a run of this very process may be on its way there
    row = open_catalog(settings).run(run)
    if row is None:
        raise MissingResultError(
            f"The catalog in {settings.home} knows no run {run!r}. `holdall run ls` lists those it knows."
        )
    if row.result is None:
        raise MissingResultError(
            f"The {row.kind} run {row.name} ({row.id}) {row.state} and kept no result: its persistence resolved to no. "
            f"Set persist_result=True on it; `holdall explain` says which rule decided."
        )
    return from_json(row.result)


def _of_key(key: str, settings: Settings) -> ResultReference:
    catalog = open_catalog(settings)
    row = next(filter(None, (catalog.reference(key=each) for each in candidates(key))), None)
    if row is None:
        raise MissingResultError(
            f"The catalog in {settings.home} knows no result with the key {key!r}. Pass storage=… to look in a storage "
            "itself; `holdall result ls` lists the keys that the catalog knows."
        )
    reference = from_json(row.reference)
    if not isinstance(reference, ResultReference):
        raise UnknownBlockError(f"The catalog holds no reference under {key!r}.")
    return replace(reference, run_id=None)  # by key, whatever is there now is read, whichever run wrote it
