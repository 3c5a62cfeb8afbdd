"""Rebuilds the catalog's references from the records in storages, of which the catalog is an index."""

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
from holdall.types import ReferenceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdall.abc.catalog import Catalog
    from holdall.maintenance.known_storages import OpenStorage
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
    """Report on one storage. `problem` says why it could not be read; nothing was changed for it then.

    `restored` references were not in the catalog, `known` were. `forgotten` references, to records that are gone, were
    deleted. `copies` are readable payloads under names that users chose.
    """

    label: str
    restored: int = 0
    known: int = 0
    forgotten: int = 0
    copies: int = 0
    skipped: tuple[Skipped, ...] = ()
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class _Scan:
    """Contents of one storage."""

    storage: OpenStorage
    rows: list[ReferenceRow]
    keys: set[str]
    skipped: list[Skipped]
    copies: int = 0
    problem: str | None = None


def damage(settings: Settings, /) -> str | None:
    """Describes what is wrong with the catalog's file; None if it is whole, or not there.

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

    return _damage_in_file(path) if isinstance(catalog, SQLiteCatalog) else None


def _damage_in_file(path: str) -> str | None:
    import sqlite3

    try:
        connection = sqlite3.connect(path, timeout=30)
        try:
            lines = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        problem = explain(error, path=path, doing="check the file", timeout=30)
        if is_damage(error):
            return str(problem)
        raise problem from error
    return None if lines == ["ok"] else f"The catalog {path} is damaged: {'; '.join(lines)}."


def move_aside(settings: Settings, /) -> str:
    """Renames the catalog's file and its log, from which tools can still recover data; returns the new name.

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


def rebuild(
    storages: Iterable[OpenStorage], catalog: Catalog, /, *, settings: Settings, track: Track = untracked
) -> list[Rebuilt]:
    """Adds to the catalog a reference to every record of these storages that can be read and has not expired.

    The catalog then lists the newest result first, as if each had been recorded when it was made. References to other
    storages stay, and so do references whose record is there and cannot be used.

    Args:
        storages: Those to read.
        catalog: The catalog to write.
        settings: Those whose home has the spool: a reference to a result in it stays.
        track: Shows the progress.

    Raises:
        CatalogError: the catalog cannot be written; what was written stays, and doing it again does the rest.
    """
    scans = [_scan(storage, track) for storage in storages]
    before = catalog.references(limit=ALL)
    known = {(row.storage, row.key): row for row in before}
    rows = [row for scan in scans for row in scan.rows]
    # Results that were written since the scan have rows that are newer than what was read.
    missing = [row for row in rows if not _is_in(row, known)]
    if missing:
        merged = {**known, **{(row.storage, row.key): row for row in missing}}
        for row in track(sorted(merged.values(), key=_age), "Writing the catalog"):
            catalog.add_reference(row)
    restored = {(row.storage, row.key) for row in missing}
    return [_report(scan, before, restored, catalog, settings.home) for scan in scans]


def _scan(storage: OpenStorage, track: Track) -> _Scan:
    scan = _Scan(storage=storage, rows=[], keys=set(), skipped=[])
    published: set[str] = set()
    foreign: list[Skipped] = []
    now = time.time()
    try:
        for entry in inventory(storage.storage, storage.label, track=track):
            scan.keys.add(entry.meta.key)
            if entry.kind == "foreign":
                foreign.append(Skipped(key=entry.meta.key, reason="foreign", problem=entry.problem))
            elif entry.kind != "record" or entry.record is None:
                scan.skipped.append(_skipped(entry))
            else:
                published.add(copy_of(entry.record) or "")
                if entry.record.expires_at is not None and entry.record.expires_at <= now:
                    problem = f"{entry.meta.key} in {storage.label} was kept until {entry.record.expires}."
                    scan.skipped.append(Skipped(key=entry.meta.key, reason="expired", problem=problem))
                else:
                    scan.rows.append(_row(entry.record, storage))
    except StorageError as error:
        return _Scan(storage=storage, rows=[], keys=set(), skipped=[], problem=str(error))
    scan.skipped += [skipped for skipped in foreign if skipped.key not in published]
    scan.copies = sum(skipped.key in published for skipped in foreign)
    return scan


def _skipped(entry: Entry) -> Skipped:
    reason: Literal["damaged", "unreadable"] = "unreadable" if entry.kind == "unreadable" else "damaged"
    return Skipped(key=entry.meta.key, reason=reason, problem=entry.problem)


def _row(record: Record, storage: OpenStorage) -> ReferenceRow:
    # The storage as it was opened here, not as it was written: a folder may have been moved, a slug renamed.
    reference = replace(ResultReference.from_record(record), storage=storage.where)
    return ReferenceRow(
        storage=storage.label,
        key=record.key,
        reference=reference.json(),
        run_id=record.run_id,
        name=record.producer.get("name"),
        size=0 if record.payload is None else record.payload.size,
        created=record.created_at,
        expires=record.expires_at,
    )


def _is_in(row: ReferenceRow, known: dict[tuple[str, str], ReferenceRow]) -> bool:
    other = known.get((row.storage, row.key))
    return other is not None and other.created >= row.created - SAME_MOMENT and storage_of(other) == storage_of(row)


def _age(row: ReferenceRow) -> tuple[float, str]:
    return row.created, row.key


def _report(
    scan: _Scan, before: Sequence[ReferenceRow], restored: set[tuple[str, str]], catalog: Catalog, home: str
) -> Rebuilt:
    count = sum((row.storage, row.key) in restored for row in scan.rows)
    return Rebuilt(
        label=scan.storage.label,
        restored=count,
        known=len(scan.rows) - count,
        forgotten=_delete_stale(scan, before, catalog, home),
        copies=scan.copies,
        skipped=tuple(scan.skipped),
        problem=scan.problem,
    )


def _delete_stale(scan: _Scan, before: Sequence[ReferenceRow], catalog: Catalog, home: str) -> int:
    """Deletes references to records that are gone, and those that name this storage in another way."""
    # A storage with nothing in it may be a disk that is not mounted: its references stay.
    if not scan.keys:
        return 0
    indexed = {row.key for row in scan.rows}
    deleted = 0
    for row in before:
        reference = storage_of(row)
        if reference is None or reference.identity != scan.storage.identity:
            continue
        if row.key in indexed:
            if row.storage != scan.storage.label:
                catalog.delete_reference(row.storage, row.key)
        elif row.key not in scan.keys and not _exists(scan.storage, row.key, home):
            deleted += catalog.delete_reference(row.storage, row.key)
    return deleted


def _exists(storage: OpenStorage, key: str, home: str) -> bool:
    """Whether the storage or the spool has the key, or nobody can say."""
    try:
        return storage.storage.exists(key) or spool.holds(storage.where, key, home)
    except StorageError:
        return True
