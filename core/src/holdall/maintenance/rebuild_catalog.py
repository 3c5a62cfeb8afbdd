"""The catalog's references made anew from the records in storages: storage is the truth, the catalog an index of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from holdall.builtin.sqlite.errors import explain, is_damage
from holdall.catalog.open import catalog_path, close_catalogs, open_catalog
from holdall.errors import CatalogError, StorageError
from holdall.maintenance.known_storages import ALL, SAME_MOMENT, storage_of
from holdall.results import spool
from holdall.results.inventory import inventory, untracked
from holdall.results.payload.readable_copy import copy_of
from holdall.results.references import ResultReference
from holdall.settings.model import current
from holdall.types import ReferenceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdall.abc.catalog import Catalog
    from holdall.maintenance.known_storages import Place
    from holdall.results.inventory import Entry, Track
    from holdall.results.record import Record
    from holdall.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An object that got no reference."""

    key: str
    reason: Literal["expired", "damaged", "unreadable", "foreign"]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of one storage. `problem` says why it could not be read; nothing was changed for it then.

    `restored` references were not in the catalog, `known` were. `forgotten` references led to records that are gone.
    `copies` are readable payloads under names that users chose.
    """

    label: str
    restored: int = 0
    known: int = 0
    forgotten: int = 0
    copies: int = 0
    skipped: tuple[Skipped, ...] = ()
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class _Read:
    """What was found in one storage."""

    place: Place
    rows: list[ReferenceRow]
    keys: set[str]
    skipped: list[Skipped]
    copies: int = 0
    problem: str | None = None


def damage(settings: Settings, /) -> str | None:
    """What is wrong with the catalog's file, or None: it is whole, or not there.

    Raises:
        CatalogError: it cannot be read for another reason (locked, no permission, of a newer holdall).
    """
    path = catalog_path(settings)
    if path is None or not os.path.lexists(path):
        return None
    catalog = open_catalog(settings)
    try:
        catalog.references(limit=1)
        catalog.runs(limit=1)
        catalog.block("")
    except CatalogError as error:
        if is_damage(error):
            return str(error)
        raise
    from holdall.builtin.sqlite.catalog import SQLiteCatalog

    return _unsound(path) if isinstance(catalog, SQLiteCatalog) else None


def _unsound(path: str) -> str | None:
    import sqlite3

    try:
        connection = sqlite3.connect(path, timeout=30)
        try:
            said = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        problem = explain(error, path=path, doing="check the file", timeout=30)
        if is_damage(error):
            return str(problem)
        raise problem from error
    return None if said == ["ok"] else f"The catalog {path} is damaged: {'; '.join(said)}."


def move_aside(settings: Settings, /) -> str:
    """Give the catalog's file another name, and return it. With its log, so that tools can still recover what is in it.

    Raises:
        CatalogError: the file cannot be renamed.
    """
    path = catalog_path(settings)
    if path is None:
        raise CatalogError(
            f"The catalog {settings.catalog!r} keeps no file in {settings.home} that could be moved aside."
        )
    close_catalogs()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside, count = f"{path}.corrupt-{stamp}", 1
    while os.path.lexists(aside):
        count += 1
        aside = f"{path}.corrupt-{stamp}-{count}"
    # The file last: beside a new one, an old log would be taken for the new one's.
    for suffix in ("-wal", "-shm", ""):
        try:
            os.rename(path + suffix, aside + suffix)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise explain(error, path=path, doing="move the damaged file aside", timeout=0) from error
    return aside


def rebuild(places: Iterable[Place], catalog: Catalog, /, *, track: Track = untracked) -> list[Rebuilt]:
    """Give the catalog a reference to every record in these storages that can be read and has not expired.

    The catalog then lists the newest result first, as if each had been recorded when it was made. What it knows of
    other storages stays, and so do references whose record is there and cannot be used.

    Raises:
        CatalogError: the catalog cannot be written; what was written stays, and doing it again does the rest.
    """
    read = [_read(place, track) for place in places]
    before = catalog.references(limit=ALL)
    known = {(row.storage, row.key): row for row in before}
    wanted = [row for each in read for row in each.rows]
    # Results that were written since they were looked at have rows that are newer than what was read.
    missing = [row for row in wanted if not _is_in(row, known)]
    if missing:
        merged = {**known, **{(row.storage, row.key): row for row in missing}}
        for row in track(sorted(merged.values(), key=_age), "Writing the catalog"):
            catalog.add_reference(row)
    lost = {(row.storage, row.key) for row in missing}
    return [_outcome(each, before, lost, catalog) for each in read]


def _read(place: Place, track: Track) -> _Read:
    read = _Read(place=place, rows=[], keys=set(), skipped=[])
    published: set[str] = set()
    foreign: list[Skipped] = []
    now = time.time()
    try:
        for found in inventory(place.storage, place.label, track=track):
            read.keys.add(found.meta.key)
            if found.kind == "foreign":
                foreign.append(Skipped(key=found.meta.key, reason="foreign", problem=found.problem))
            elif found.kind != "record" or found.record is None:
                read.skipped.append(_skipped(found))
            else:
                published.add(copy_of(found.record) or "")
                if found.record.expires_at is not None and found.record.expires_at <= now:
                    problem = f"{found.meta.key} in {place.label} was kept until {found.record.expires}."
                    read.skipped.append(Skipped(key=found.meta.key, reason="expired", problem=problem))
                else:
                    read.rows.append(_row(found.record, place))
    except StorageError as error:
        return _Read(place=place, rows=[], keys=set(), skipped=[], problem=str(error))
    read.skipped += [each for each in foreign if each.key not in published]
    read.copies = sum(each.key in published for each in foreign)
    return read


def _skipped(found: Entry) -> Skipped:
    reason: Literal["damaged", "unreadable"] = "unreadable" if found.kind == "unreadable" else "damaged"
    return Skipped(key=found.meta.key, reason=reason, problem=found.problem)


def _row(record: Record, place: Place) -> ReferenceRow:
    # The storage as it was opened here, not as it was written: a folder may have been moved, a slug renamed.
    reference = replace(ResultReference.from_record(record), storage=place.where)
    return ReferenceRow(
        storage=place.label,
        key=record.key,
        reference=reference.json(),
        run_id=record.run_id,
        name=record.producer.get("name"),
        size=0 if record.payload is None else record.payload.size,
        created=record.created_at,
        expires=record.expires_at,
    )


def _is_in(row: ReferenceRow, known: dict[tuple[str, str], ReferenceRow]) -> bool:
    there = known.get((row.storage, row.key))
    return there is not None and there.created >= row.created - SAME_MOMENT and storage_of(there) == storage_of(row)


def _age(row: ReferenceRow) -> tuple[float, str]:
    return row.created, row.key


def _outcome(read: _Read, before: Sequence[ReferenceRow], restored: set[tuple[str, str]], catalog: Catalog) -> Rebuilt:
    count = sum((row.storage, row.key) in restored for row in read.rows)
    return Rebuilt(
        label=read.place.label,
        restored=count,
        known=len(read.rows) - count,
        forgotten=_forget(read, before, catalog),
        copies=read.copies,
        skipped=tuple(read.skipped),
        problem=read.problem,
    )


def _forget(read: _Read, before: Sequence[ReferenceRow], catalog: Catalog) -> int:
    """Drop references to records that are gone, and those that name this place in another way."""
    # A storage with nothing in it may be a disk that is not mounted, and is no reason to forget what it holds.
    if not read.keys:
        return 0
    indexed = {row.key for row in read.rows}
    forgotten = 0
    for row in before:
        where = storage_of(row)
        if where is None or where.identity != read.place.identity:
            continue
        if row.key in indexed:
            if row.storage != read.place.label:
                catalog.delete_reference(row.storage, row.key)
        elif row.key not in read.keys and not _is_there(read.place, row.key):
            forgotten += catalog.delete_reference(row.storage, row.key)
    return forgotten


def _is_there(place: Place, key: str) -> bool:
    try:
        return place.storage.exists(key) or spool.holds(place.where, key, current().home)
    except StorageError:
        return True
