"""Garbage collection: deletes payloads without a record, expired results, and leftovers of killed writers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from holdall._system.elapsed import Since
from holdall.errors import CatalogError, KeyMissing, StorageError
from holdall.maintenance.known_storages import SAME_MOMENT, storage_of
from holdall.results.inventory import inventory, look, untracked
from holdall.results.layout import PAYLOADS, payload_made_at
from holdall.results.payload import readable_copy
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.abc.lock import LockManager
    from holdall.maintenance.known_storages import OpenStorage
    from holdall.results.inventory import Entry, Track
    from holdall.results.record import Record
    from holdall.storage.locks import LockSettings
    from holdall.types import ObjectMeta

DAY: Final = 86_400.0
_ID: Final = 32  # hexadecimal digits
_PATIENCE: Final = 1.0  # seconds for which the records that were read are trusted, before they are read again
_COARSE: Final = 2.0  # seconds: no storage's times are coarser
_CLOCKS_DIFFER: Final = 300.0
_WITHOUT_PAYLOAD: Final = (b'"inline":"', b'"payload":null')  # even a damaged record may still say so

Garbage = Literal["payload", "expired", "unfinished", "lease"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """One object or file that was deleted.

    `expired` is a record, its readable copy or the payload that it named, `unfinished` a file of a killed writer,
    `lease` the lock of a caller that has computed a cached result or died meanwhile.
    """

    what: Garbage
    key: str
    size: int


@dataclass(slots=True, kw_only=True)
class Collected:
    """Report on one storage; sizes are in bytes.

    `young` payloads have no record and were left because one may be on its way. `held` says why payloads were left
    that may belong to a record that cannot be read. `problem` is the error that ended it early.
    """

    label: str
    removed: list[Removed] = field(default_factory=list)
    young: int = 0
    expired_left: int = 0
    held: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def size(self) -> int:
        """Bytes that were deleted."""
        return sum(removed.size for removed in self.removed)


def collect(
    storage: OpenStorage,
    /,
    *,
    grace: float = DAY,
    expired: bool = False,
    dry_run: bool = False,
    catalog: Catalog | None = None,
    settings: LockSettings | None = None,
    track: Track = untracked,
) -> Collected:
    """Deletes payloads that no record names, files of killed writers and old leases.

    Safe beside readers and writers: a payload that a record is about to name is younger than the grace, or made so
    before. So records are read again, where they have changed or come since, right before payloads are deleted, and
    nothing is deleted that was written again since it was listed. Foreign files stay.

    Args:
        storage: The storage to clean.
        grace: Age in seconds from which garbage is deleted.
        expired: Deletes expired results as well, each record before its payload and after its readable copy.
        dry_run: Reports what would be deleted and changes nothing.
        catalog: The catalog whose references to expired results are deleted.
        settings: Those that name the lock manager.
        track: Shows the progress.
    """
    report = Collected(label=storage.label)
    manager = lock_manager(storage.storage, settings)
    collection = _Collection(storage, report, dry_run=dry_run, catalog=catalog, manager=manager)
    before = time.time() - grace
    try:
        # Payloads are listed before records, so that whatever a record names was there when the records were read.
        collection.list_payloads(before)
        collection.sweep_leftovers(before)
        if collection.old or expired:
            collection.read_records(expired=expired, track=track)
            collection.delete_payloads()
    except StorageError as error:
        report.problem = str(error)
    return report


class _Collection:
    """State of the collection of one storage.

    `payloads` as they were listed, the `old` among them, those that are `in_use` and those of expired records (`freed`);
    records as they were read (`known`), those that would be deleted (`over`), when the last reading began (`looked`),
    and for how many seconds it is trusted (`patience`).
    """

    def __init__(
        self,
        storage: OpenStorage,
        report: Collected,
        /,
        *,
        dry_run: bool,
        catalog: Catalog | None,
        manager: LockManager | None,
    ) -> None:
        self.storage = storage.storage
        self.opened = storage
        self.report = report
        self.dry_run = dry_run
        self.catalog = catalog
        self.manager = manager
        self.payloads: dict[str, ObjectMeta] = {}
        self.old: set[str] = set()
        self.in_use: set[str] = set()
        self.freed: set[str] = set()
        self.known: dict[str, ObjectMeta] = {}
        self.over: set[str] = set()
        self.looked = Since.now()
        self.patience = 0.0

    def list_payloads(self, before: float) -> None:
        """Lists payloads, and those among them that are old enough to be deleted."""
        for meta in self.storage.scan(PAYLOADS):
            created = payload_made_at(meta.key)
            if created is None:
                continue
            self.payloads[meta.key] = meta
            # By both clocks, the writer's and the storage's, as a large payload takes time to arrive.
            if max(created, meta.modified or 0.0) < before:
                self.old.add(meta.key)

    def sweep_leftovers(self, before: float) -> None:
        """Deletes files of killed writers and old leases."""
        for meta in self.storage.sweep(before, dry_run=self.dry_run):
            self.report.removed.append(Removed(what="unfinished", key=meta.key, size=meta.size))
        if self.manager is not None:
            for meta in self.manager.sweep(before, dry_run=self.dry_run):
                self.report.removed.append(Removed(what="lease", key=meta.key, size=meta.size))

    def read_records(self, *, expired: bool, track: Track) -> None:
        """Notes which payloads records name, and deletes expired records if asked."""
        now = time.time()
        over: list[tuple[ObjectMeta, Record]] = []
        for entry in inventory(self.storage, self.opened.label, track=track):
            self.known[entry.meta.key] = entry.meta
            record = entry.record
            if entry.kind == "record" and record is not None and _is_over(record, now):
                self.report.expired_left += not expired
                if expired:
                    over.append((entry.meta, record))
                    continue
            self._note(entry)
        for meta, record in over:
            self._delete_expired(meta, record)

    def _read_again(self) -> None:
        """Notes the payloads of records that have come or changed since they were read."""
        before, self.looked = self.looked, Since.now()
        for entry in inventory(
            self.storage, self.opened.label, only=lambda meta: not self._is_known(meta, before.wall)
        ):
            self.known[entry.meta.key] = entry.meta
            if entry.meta.key not in self.over:
                self._note(entry)
        took = self.looked.seconds
        self.patience = took + max(took, _PATIENCE)

    def _is_known(self, meta: ObjectMeta, looked: float) -> bool:
        """Whether the object is as it was read; False if it may have been written again since and look the same."""
        before = self.known.get(meta.key)
        if before is None or not meta.is_same(before):
            return False
        if meta.modified is None:
            return meta.etag is not None
        return meta.modified < looked - (_COARSE if meta.etag is not None else _CLOCKS_DIFFER)

    def _note(self, entry: Entry) -> None:
        """Notes the payloads that an object names; those of a damaged record too, as it may be restored."""
        if entry.record is not None:
            if entry.record.path is not None:
                self.in_use.add(entry.record.path)
        elif entry.kind in {"damaged", "unreadable"}:
            named = [key for key in self.payloads if key[: key.rindex("/") + 1 + _ID].encode() in entry.data]
            self.in_use.update(named)
            names_unknown = not named and not any(sign in entry.data for sign in _WITHOUT_PAYLOAD)
            if names_unknown and entry.problem not in self.report.held:
                self.report.held.append(entry.problem)

    def _delete_expired(self, meta: ObjectMeta, record: Record) -> None:
        path, copy = record.path, readable_copy.look(self.storage, record)
        if self.dry_run:
            self.over.add(record.key)
        if self.dry_run or self._delete_record(meta, record, copy):
            self.report.removed.append(Removed(what="expired", key=record.key, size=meta.size))
            if copy is not None:
                self.report.removed.append(Removed(what="expired", key=copy.key, size=copy.size))
            if path is not None:
                self.freed.add(path)
        elif path is not None:
            self.in_use.add(path)

    def _delete_record(self, meta: ObjectMeta, record: Record, copy: ObjectMeta | None) -> bool:
        """Deletes a record; returns False if another caller is writing it anew, or has just done so."""
        manager = self.manager
        lease = manager.acquire(record.key, timeout=0) if manager is not None else None
        if manager is not None and lease is None:
            return False
        try:
            again = look(self.storage, meta, self.opened.label)
            if again.record != record:
                self._note(again)
                return False
            if copy is not None:
                self.storage.delete_unchanged(copy)
            if not self.storage.delete_unchanged(meta):
                self._note(look(self.storage, meta, self.opened.label))
                return False
        except KeyMissing:
            return False
        finally:
            if lease is not None:
                lease.release()
        self._delete_references(record)
        return True

    def _delete_references(self, record: Record) -> None:
        if self.catalog is None:
            return
        try:
            latest = record.created_at + SAME_MOMENT
            for row in self.catalog.references(key=record.key):
                reference = storage_of(row)
                if reference is not None and reference.identity == self.opened.identity and row.created <= latest:
                    self.catalog.delete_reference(row.storage, row.key)
        except CatalogError:
            self.catalog = None  # an index: `holdall catalog rebuild` puts it right

    def delete_payloads(self) -> None:
        """Deletes old payloads that no record names, and those of expired records."""
        candidates = [meta for key, meta in self.payloads.items() if key in self.freed or key in self.old]
        for meta in candidates:
            if meta.key in self.in_use:
                continue
            if self.looked.seconds > self.patience:
                self._read_again()
            self._delete_payload(meta)
        self.report.young += len(self.payloads.keys() - self.old - self.freed - self.in_use)

    def _delete_payload(self, meta: ObjectMeta) -> None:
        expired = meta.key in self.freed
        if meta.key in self.in_use or (self.report.held and not expired):
            return
        if not self.dry_run and not self.storage.delete_unchanged(meta):
            self.report.young += 1  # a writer is about to write a record that names it
            return
        self.report.removed.append(Removed(what="expired" if expired else "payload", key=meta.key, size=meta.size))


def _is_over(record: Record, now: float) -> bool:
    return record.expires_at is not None and record.expires_at <= now
