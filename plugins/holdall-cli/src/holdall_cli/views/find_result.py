"""Look-up of one stored result by what a user typed: its storage, record and bytes."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import methodcaller
from typing import IO, TYPE_CHECKING, Final

from holdall import settings
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.errors import (
    ConfigurationError,
    CorruptResultError,
    MissingResultError,
    ResultError,
    StorageError,
    UntrustedResultError,
)
from holdall.maintenance import known_storages
from holdall.maintenance.known_storages import SAME_MOMENT
from holdall.results import ResultLiteral, ResultReference, from_json, spool
from holdall.results.layout import NAMES, candidates, is_own
from holdall.results.load import open_storage
from holdall.results.payload.decode import source_of
from holdall.results.store import ResultStore
from holdall.security import masked
from holdall.suggest import suggestion
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.catalog import Catalog
    from holdall.abc.storage import Storage
    from holdall.results.record import Payload, Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import ReferenceRow, RunRow

_LISTED: Final = 1000
_READ: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """Result whose value is in the catalog alone."""

    run: RunRow
    value: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """A record's key and the storage that has it. `label` names the storage as the catalog does.

    `run_id` is there where somebody asked for the result of that run, `name` where the user has given the result one.
    """

    key: str
    label: str
    store: ResultStore
    catalog: Catalog
    run_id: str | None = None
    name: str | None = None

    @property
    def title(self) -> str:
        return self.key if self.name is None else f"{self.name} ({self.key})"

    def record(self) -> Record:
        return self.store.record(self.key, run_id=self.run_id)

    def open(self, payload: Payload, /) -> IO[bytes]:
        return source_of(self.store, payload, Trust()).open()

    def path_of(self, key: str, /) -> str:
        """Returns the path or URL of a key in this storage: what `StorageBlock.from_url` takes, and the key."""
        storage = self.store.storage
        place = storage.location()
        base = str(place.get("basepath") or place.get("bucket_path") or "").rstrip("/")
        if storage.slug == Directory.slug:
            return os.path.join(base, *key.split("/"))
        return f"{base}/{key}" if "://" in base else f"{storage.slug}://{base}/{key}"

    def delete(self) -> list[str]:
        """Deletes record, payload and references; returns the sentences to print."""
        said = [f"Deleted {self.title} in {self.label}."]
        storage = self.store.storage
        until = float("inf")
        try:
            record = self.record()
        except MissingResultError:
            if storage.exists(self.key):
                raise  # of another run
            said = [f"The record {self.title} was gone from {self.label} already; the catalog has forgotten it now."]
        except CorruptResultError:
            # Which payload was its own, it cannot say any more.
            self.store.delete(self.key)
            said.append("It was damaged and did not say where its payload is: that was left in the storage.")
        except UntrustedResultError:
            self.store.delete(self.key)
            said.append("It was not signed by anybody who is believed here, so what it named as its payload was left.")
        else:
            until = record.created_at + SAME_MOMENT
            self.store.delete(self.key, run_id=record.run_id)
        for row in self.catalog.references(key=self.key):
            where = known_storages.storage_of(row)
            here = row.storage == self.label or (where is not None and where.identity == self.store.where.identity)
            if here and row.created <= until:  # a later one is of what has been written since
                self.catalog.delete_reference(row.storage, row.key)
        return said


def find(name: str, storage: str | None, /, *, whole: bool = True) -> Literal | Whereabouts:
    """Returns the result under a key or of a run, in `storage` if that is given, otherwise as the catalog has it.

    With `whole`, a record in `storage` that is damaged is refused here already.

    Raises:
        MissingResultError: with the nearest keys.
        ConfigurationError: several storages have the key.
    """
    found = settings.current()
    catalog = open_catalog(found, create=False)
    if storage is not None:
        return _in_storage(name, open_named(storage), catalog, whole=whole)
    rows = next(filter(None, (catalog.references(limit=10, key=key) for key in candidates(name))), ())
    if not rows:
        run = catalog.run(name)
        if run is not None and run.result is not None:
            result = from_json(run.result)
            if isinstance(result, ResultLiteral):
                return Literal(run=run, value=result.value)
            return _at(result, catalog, run_id=result.run_id)
        if run is not None:
            raise MissingResultError(
                f"The {run.kind} run {run.id} ({run.name}) is {run.state} and kept no result. "
                "`holdall explain` says which rule decided."
            )
        rows = catalog.references(limit=1000)
        near = suggestion(name, (called_in(row) or row.key for row in rows), cutoff=0.8)
        raise MissingResultError(
            f"The catalog in {found.home} knows no result {name!r}.{near} `holdall result ls` lists those it knows; "
            "--storage looks in a storage itself."
        )
    if len(rows) > 1:
        places = " or ".join(map(_option, rows))
        raise ConfigurationError(f"{len(rows)} storages have a result {name}. Say which: --storage {places}")
    return _at(from_json(rows[0].reference), catalog)


def open_named(storage: str, /) -> GuardedStorage:
    """Opens the storage that an option names: as `result_storage`, or as listings print it."""
    return known_storages.named([storage], settings.current(), os.getcwd())[0].storage


def _at(reference: ResultLiteral | ResultReference, catalog: Catalog, *, run_id: str | None = None) -> Whereabouts:
    if not isinstance(reference, ResultReference):
        raise MissingResultError("The catalog has a literal where a reference should be.")
    store = _store(open_storage(reference.storage, settings.current()))
    home = settings.current().home
    holder = store
    # Whether it is there at all, and whole, is found out by whoever reads it.
    with suppress(ResultError, StorageError):
        if spool.may_hold(home):
            holder, _ = spool.locate(store, home, methodcaller("record", reference.key, run_id=run_id))
    return Whereabouts(
        key=reference.key, label=store.label, store=holder, catalog=catalog, run_id=run_id, name=reference.name
    )


def _in_storage(name: str, storage: Storage, catalog: Catalog, *, whole: bool) -> Whereabouts:
    store = _store(storage)
    try:
        store, record = spool.locate(store, settings.current().home, methodcaller("find", name))
        key, called = record.key, record.name
    except (CorruptResultError, UntrustedResultError):
        if whole:
            raise
        key, called = next((each for each in candidates(name) if storage.exists(each)), name), None
    except MissingResultError as error:
        near = suggestion(name, _names(store), cutoff=0.8)
        raise MissingResultError(
            f"There is no result {name!r} in {store.label}.{near} `holdall result ls --storage` lists those there."
        ) from error
    return Whereabouts(key=key, label=store.label, store=store, catalog=catalog, name=called)


def _names(store: ResultStore) -> Iterator[str]:
    """Lists known names of results; names given by users are read from records, and so not all of them."""
    for meta in islice(store.storage.scan(), _LISTED):
        if is_own(meta.key) and not meta.key.startswith(NAMES):
            yield meta.key
    for meta in islice(store.storage.scan(NAMES), _READ):
        with suppress(ResultError, StorageError):
            yield store.record(meta.key).name or meta.key


def called_in(row: ReferenceRow, /) -> str | None:
    """Returns the user's own name for a result in the catalog."""
    try:
        found = from_json(row.reference)
    except ConfigurationError:
        return None
    return found.name if isinstance(found, ResultReference) else None


def _store(storage: Storage) -> ResultStore:
    # Records and bytes are read here and nothing is deserialised, so no plugin of a format is needed.
    return ResultStore(storage, PickleCodec())


def _option(row: ReferenceRow) -> str:
    """Returns what `--storage` takes for the storage of a row."""
    where = known_storages.storage_of(row)
    if where is None:
        return row.storage
    return where.slug or str(masked(next(iter(where.location.values()), where.type)))
