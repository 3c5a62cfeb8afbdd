"""Getting a result back with nothing but a reference, a run id or a key."""

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
from holdall.results import references as results
from holdall.results import spool
from holdall.results.layout import candidates, own_key
from holdall.results.payload.codecs import make_codec
from holdall.results.references import ResultLiteral, ResultReference
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.types import SerializerReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage
    from holdall.results.record import Record
    from holdall.types import StorageReference


_LOOKS: Final = 4


def fetch(reference: ResultReference, /, *, accept: Iterable[str] = (), columns: Sequence[str] | None = None) -> Any:
    """What `ResultReference.get` does: through the store that wrote it, else through one made from the reference."""
    store: ResultStore | None = reference._store  # noqa: SLF001 - the reference keeps it for this function alone
    if store is None:
        store = open_store(reference)
    found = settings.current()
    accepted = {*accept, *found.results_accept}
    started = time.time()
    try:
        look = methodcaller("record", reference.key, run_id=reference.run_id, accept=accepted)

        def load(holder: ResultStore, record: Record) -> tuple[Record, Any]:
            return holder.loaded(record, run_id=reference.run_id, accept=accepted, columns=columns)

        record, value = spool.read(store, found.home, look, load)
    except MissingResultError as error:
        _say_where(error, reference, found)
        raise
    if listeners.active:
        size = record.payload.size if record.payload is not None else 0
        listeners.result_read(reference=reference.json(), size=size, seconds=time.time() - started)
    return value


def find(reference: ResultReference, /) -> Record:
    """What `ResultReference._record` does: the record alone, found as `fetch` finds it."""
    store: ResultStore | None = reference._store  # noqa: SLF001 - as in fetch
    found = settings.current()
    how = methodcaller("record", reference.key, accept=frozenset(found.results_accept))
    try:
        return spool.locate(store if store is not None else open_store(reference), found.home, how)[1]
    except MissingResultError as error:
        _say_where(error, reference, found)
        raise


def _say_where(error: MissingResultError, reference: ResultReference, found: settings.Settings) -> None:
    """Let the error name the storages where the catalog knows the result now: it may have been moved."""
    with suppress(CatalogError, ConfigurationError, PluginError):
        path = catalog_path(found)
        if path is not None and not os.path.lexists(path):
            return  # looking must not make one
        rows = [results.from_json(row.reference) for row in open_catalog(found).references(key=reference.key)]
        known = [row for row in rows if isinstance(row, ResultReference) and row.storage != reference.storage]
        others = [other for other in known if reference.run_id in {None, other.run_id}]
        if others:
            places = " and ".join(dict.fromkeys(other.storage.label for other in others))
            name = reference.name or reference.key
            said = f"The catalog knows it in {places} now: holdall.load_result(key={name!r}) reads it there."
            error.args = (f"{error} {said}", *error.args[1:])


def open_store(reference: ResultReference, /) -> ResultStore:
    """The store that a reference points to, with the credentials that its slug has here."""
    return ResultStore(open_storage(reference.storage), make_codec(reference.serializer))


def open_storage(where: StorageReference, /) -> Storage:
    """The storage at a recorded place.

    Raises:
        UnknownBlockError: the slug means nothing here, and its type needs credentials that only the slug has.
        ConfigurationError: the slug leads to another endpoint today: credentials are sent nowhere else.
    """
    local = where.type == Directory.slug
    if not local or where.slug is not None:
        from holdall.blocks.reopen import storage_at

        try:
            return storage_at(where, settings.current())
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
    """The value of an earlier run, in any process.

    Say which: `run=` (its id, or the first characters of it) or `key=` ask the catalog; `storage=` (a slug, block, path
    or URL) with `key=`, or with the whole id of a `run=`, needs no catalog at all. `columns` as in `ResultReference.get`.

    Raises:
        MissingResultError: the catalog knows no such run or key, the run kept nothing, or storage has lost it.
        ConfigurationError: both or neither of `run` and `key` are given.
        ResultError, StorageError: as `ResultReference.get`.
    """
    if (run is None) == (key is None):
        raise ConfigurationError("load_result takes run=… or key=…, one of them; either may come with storage=….")
    found = settings.current()
    if storage is not None:
        from holdall.blocks import lookup as blocks

        place = blocks.from_value(storage, settings=found, directory=os.getcwd())
        # Nothing says what this storage is configured to hold, so the default decides whether a pickle may be read.
        store = ResultStore(place, _default_codec(found))
        accepted = {*accept, *found.results_accept}
        look = (
            methodcaller("record", own_key(run), run_id=run, accept=accepted)
            if run is not None
            else methodcaller("find", str(key), accept=accepted)
        )

        def load(holder: ResultStore, record: Record) -> tuple[Record, Any]:
            return holder.loaded(record, run_id=run, accept=accepted, columns=columns)

        return spool.read(store, found.home, look, load)[1]
    find = partial(_of_run, run, found) if run is not None else partial(_of_key, str(key), found)
    return _followed(find, accept, columns)


def _followed(
    find: Callable[[], ResultLiteral | ResultReference], accept: Iterable[str], columns: Sequence[str] | None
) -> Any:
    """The value of what the catalog names; asked again where nothing is there, as that may have been moved meanwhile."""
    before = None
    for remaining in reversed(range(_LOOKS)):
        result = find()
        if isinstance(result, ResultLiteral):
            return result.get()
        try:
            return result.get(accept=accept, columns=columns)
        except MissingResultError:
            if not remaining or result == before:
                raise
            before = result
    raise AssertionError("the last look returns or raises")


def _default_codec(found: settings.Settings) -> Codec:
    named = found.results_default_serializer
    if named is None:
        return make_codec(SerializerReference(type="pickle"))
    from holdall.plugins import registry

    return registry.serializer(named)


def _of_run(run: str, found: settings.Settings) -> ResultLiteral | ResultReference:
    recorder_for(open_catalog(found)).flush()  # a run of this very process may be on its way there
    row = open_catalog(found).run(run)
    if row is None:
        raise MissingResultError(
            f"The catalog in {found.home} knows no run {run!r}. `holdall run ls` lists those it knows."
        )
    if row.result is None:
        raise MissingResultError(
            f"The {row.kind} run {row.name} ({row.id}) {row.state} and kept no result: its persistence resolved to no. "
            f"Set persist_result=True on it; `holdall explain` says which rule decided."
        )
    return results.from_json(row.result)


def _of_key(key: str, found: settings.Settings) -> ResultReference:
    catalog = open_catalog(found)
    row = next(filter(None, (catalog.reference(key=each) for each in candidates(key))), None)
    if row is None:
        raise MissingResultError(
            f"The catalog in {found.home} knows no result with the key {key!r}. Pass storage=… to look in a storage "
            "itself; `holdall result ls` lists the keys that the catalog knows."
        )
    reference = results.from_json(row.reference)
    if not isinstance(reference, ResultReference):
        raise UnknownBlockError(f"The catalog holds no reference under {key!r}.")
    return replace(reference, run_id=None)  # whoever asks by key takes what is there now, whose ever it is
