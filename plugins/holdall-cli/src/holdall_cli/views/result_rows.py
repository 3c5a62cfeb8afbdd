"""Rows of `holdall result ls`: from the catalog, or from the records of a storage."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdall.catalog.open import open_catalog
from holdall.maintenance.known_storages import place_of
from holdall.results.inventory import inventory
from holdall.results.record import timestamp
from holdall.settings import current
from holdall_cli.views.find_result import called_in, open_named
from holdall_cli.views.output import working

if TYPE_CHECKING:
    from holdall.results.inventory import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Row of the listing. Times are seconds since the epoch; what an unreadable record does not say is None.

    `name` is that of the task or flow, `called` the user's own for the result.
    """

    key: str
    storage: str
    name: str | None = None
    size: int | None = None
    created: float | None = None
    expires: float | None = None
    run_id: str | None = None
    problem: str | None = None
    called: str | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= time.time()

    def document(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "result_storage_key": self.called,
            "name": self.name,
            "storage": self.storage,
            "size": self.size,
            "created": timestamp(self.created),
            "expires": timestamp(self.expires),
            "expired": self.expired,
            "run_id": self.run_id,
            "problem": self.problem,
        }


def in_catalog(name: str | None, limit: int, /) -> tuple[list[Row], bool]:
    """Returns the newest rows of the catalog, and whether there are more."""
    references = open_catalog(current(), create=False).references(limit=limit + 1, name=name)
    rows = [
        Row(
            key=reference.key,
            called=called_in(reference),
            name=reference.name,
            storage=reference.storage,
            size=reference.size,
            created=reference.created,
            expires=reference.expires,
            run_id=reference.run_id,
        )
        for reference in references[:limit]
    ]
    return rows, len(references) > limit


def in_storage(value: str, name: str | None, limit: int, /) -> tuple[list[Row], bool]:
    """Returns the rows of a storage without the catalog: reads every record there."""
    opened = place_of(open_named(value))
    with working(f"Reading the records in {opened.label}"):
        entries = inventory(opened.storage, opened.label)
        rows = [_row(entry, opened.label) for entry in entries if entry.kind != "foreign"]
    rows = sorted((row for row in rows if name is None or row.name == name), key=_age, reverse=True)
    return rows[:limit], len(rows) > limit


def _row(entry: Entry, label: str) -> Row:
    record = entry.record
    if entry.kind != "record" or record is None:
        return Row(key=entry.meta.key, storage=label, created=entry.meta.modified, problem=entry.problem)
    return Row(
        key=record.key,
        called=record.name,
        name=record.producer.get("name"),
        storage=label,
        size=0 if record.payload is None else record.payload.size,
        created=record.created_at,
        expires=record.expires_at,
        run_id=record.run_id,
    )


def _age(row: Row) -> float:
    return row.created or 0.0
