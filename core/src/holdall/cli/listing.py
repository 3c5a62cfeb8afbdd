"""Rows of `holdall result ls`: from the catalog, or from the records of a storage."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from holdall import boundary, settings
from holdall import record as records
from holdall.cli.absent import catalog_to_read
from holdall.cli.output import working
from holdall.cli.whereabouts import open_named
from holdall.errors import CorruptResultError, KeyMissing
from holdall.results import StorageReference
from holdall.store import label
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import Storage

_HEAD: Final = b'{"holdall":'
_OURS: Final = ("results/", "cache/")
_PAYLOADS: Final = "payloads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Times are seconds since the epoch; what a record that cannot be read does not say is None."""

    key: str
    name: str | None
    storage: str
    size: int | None
    created: float | None
    expires: float | None
    run_id: str | None
    problem: str | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= time.time()

    def document(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.name,
            "storage": self.storage,
            "size": self.size,
            "created": records.timestamp(self.created),
            "expires": records.timestamp(self.expires),
            "expired": self.expired,
            "run_id": self.run_id,
            "problem": self.problem,
        }


def in_catalog(name: str | None, limit: int, /) -> tuple[list[Row], bool]:
    """The newest rows, and whether there are more."""
    found = catalog_to_read(settings.current()).references(limit=limit + 1, name=name)
    rows = [
        Row(
            key=each.key,
            name=each.name,
            storage=each.storage,
            size=each.size,
            created=each.created,
            expires=each.expires,
            run_id=each.run_id,
        )
        for each in found[:limit]
    ]
    return rows, len(found) > limit


def in_storage(value: str, name: str | None, limit: int, /) -> tuple[list[Row], bool]:
    """The same from a storage, without the catalog: every record there is read."""
    storage = open_named(value)
    where = label(StorageReference(slug=storage.block_slug, type=storage.slug, location=storage.location()))
    with working(f"Reading the records in {where}"):
        rows = [row for row in _records(storage, where) if name is None or row.name == name]
    rows.sort(key=lambda row: row.created or 0.0, reverse=True)
    return rows[:limit], len(rows) > limit


def _records(storage: Storage, where: str) -> Iterator[Row]:
    for meta in boundary.scan(storage):
        if meta.key.startswith(_PAYLOADS):
            continue
        try:
            # Elsewhere lie copies for other tools and other programs' files, which may be large.
            if not meta.key.startswith(_OURS) and not _begins_as_a_record(storage, meta.key, meta.size):
                continue
            record = records.parse(boundary.get(storage, meta.key), where=f"{meta.key} in {where}")
        except KeyMissing:
            continue  # deleted since it was listed
        except CorruptResultError as error:
            yield Row(
                key=meta.key,
                name=None,
                storage=where,
                size=None,
                created=meta.modified,
                expires=None,
                run_id=None,
                problem=str(error),
            )
            continue
        yield Row(
            key=meta.key,
            name=record.producer.get("name"),
            storage=where,
            size=0 if record.payload is None else record.payload.size,
            created=datetime.fromisoformat(record.created).timestamp(),
            expires=record.expires_at,
            run_id=record.producer.get("run_id"),
        )


def _begins_as_a_record(storage: Storage, key: str, size: int) -> bool:
    return size > len(_HEAD) and bytes(boundary.get(storage, key, ByteRange(0, len(_HEAD)))) == _HEAD
