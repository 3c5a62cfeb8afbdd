"""Removing what nobody can read any more: payloads without a record, expired results, and what killed writers left."""

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
    from holdall.maintenance.known_storages import Place
    from holdall.results.inventory import Entry, Track
    from holdall.results.record import Record
    from holdall.storage.locks import LockSettings
    from holdall.types import ObjectMeta

DAY: Final = 86_400.0
_ID: Final = 32  # hexadecimal digits
_PATIENCE: Final = 1.0  # seconds for which what records name is taken to be known, before one is deleted
_COARSE: Final = 2.0  # seconds: no storage's times are coarser
_CLOCKS_DIFFER: Final = 300.0
_WITHOUT_PAYLOAD: Final = (b'"inline":"', b'"payload":null')  # even a damaged record may still say so

What = Literal["payload", "expired", "unfinished", "lease"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """One object or file.

    `expired` is a record, its readable copy or the payload that it named, `unfinished` left by a killed writer, `lease`
    that of a caller who has computed a cached result, or died at it.
    """

    what: What
    key: str
    size: int


@dataclass(slots=True, kw_only=True)
class Collected:
    """What became of one storage; sizes are in bytes.

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
        return sum(each.size for each in self.removed)


def collect(
    place: Place,
    /,
    *,
    grace: float = DAY,
    expired: bool = False,
    dry_run: bool = False,
    catalog: Catalog | None = None,
    settings: LockSettings | None = None,
    track: Track = untracked,
) -> Collected:
    """Remove payloads that no record names, files of killed writers and old leases, once they are `grace` seconds old.

    With `expired`, results whose time is over go too, each record before its payload and after its readable copy;
    `catalog` then forgets them. Safe beside readers and writers: what a record is about to name is younger than the
    grace, or made so before. So records are read again, where they have changed or come since, right before payloads
    go, and nothing is removed that was written again since it was listed. A foreign file is never touched.
    """
    done = Collected(label=place.label)
    work = _Work(place, done, dry_run=dry_run, catalog=catalog, manager=lock_manager(place.storage, settings))
    before = time.time() - grace
    try:
        # Payloads are listed before records, so that whatever a record names was there when it was looked for.
        work.candidates(before)
        work.unfinished(before)
        if work.old or expired:
            work.records(expired=expired, track=track)
            work.remove_payloads()
    except StorageError as error:
        done.problem = str(error)
    return done


class _Work:
    """One storage on its way.

    `payloads` as they were listed, the `old` among them, those that are `in_use` and those of expired records (`freed`);
    records as they were when they were read (`known`), those that would go (`over`), when that began last (`looked`),
    and for how many seconds it is good.
    """

    def __init__(
        self, place: Place, done: Collected, /, *, dry_run: bool, catalog: Catalog | None, manager: LockManager | None
    ) -> None:
        self.storage = place.storage
        self.place = place
        self.done = done
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

    def candidates(self, before: float) -> None:
        for meta in self.storage.scan(PAYLOADS):
            made = payload_made_at(meta.key)
            if made is None:
                continue
            self.payloads[meta.key] = meta
            # By both clocks, the writer's and the storage's, as a large payload takes its time to arrive.
            if max(made, meta.modified or 0.0) < before:
                self.old.add(meta.key)

    def unfinished(self, before: float) -> None:
        for meta in self.storage.sweep(before, dry_run=self.dry_run):
            self.done.removed.append(Removed(what="unfinished", key=meta.key, size=meta.size))
        if self.manager is not None:
            for meta in self.manager.sweep(before, dry_run=self.dry_run):
                self.done.removed.append(Removed(what="lease", key=meta.key, size=meta.size))

    def records(self, *, expired: bool, track: Track) -> None:
        now = time.time()
        over: list[tuple[ObjectMeta, Record]] = []
        for found in inventory(self.storage, self.place.label, track=track):
            self.known[found.meta.key] = found.meta
            record = found.record
            if found.kind == "record" and record is not None and _is_over(record, now):
                self.done.expired_left += not expired
                if expired:
                    over.append((found.meta, record))
                    continue
            self._note(found)
        for meta, record in over:
            self._remove_expired(meta, record)

    def _look_again(self) -> None:
        """Note what records name that have come or changed since they were read."""
        before, self.looked = self.looked, Since.now()
        for found in inventory(self.storage, self.place.label, only=lambda meta: not self._is_known(meta, before.wall)):
            self.known[found.meta.key] = found.meta
            if found.meta.key not in self.over:
                self._note(found)
        took = self.looked.seconds
        self.patience = took + max(took, _PATIENCE)

    def _is_known(self, meta: ObjectMeta, looked: float) -> bool:
        """Whether it is as it was read; not where it may have been written again since and look the same."""
        was = self.known.get(meta.key)
        if was is None or not meta.is_same(was):
            return False
        if meta.modified is None:
            return meta.etag is not None
        return meta.modified < looked - (_COARSE if meta.etag is not None else _CLOCKS_DIFFER)

    def _note(self, found: Entry) -> None:
        """What the object says of payloads. A damaged record may be restored, so what it named is kept for it."""
        if found.record is not None:
            if found.record.path is not None:
                self.in_use.add(found.record.path)
        elif found.kind in {"damaged", "unreadable"}:
            named = [key for key in self.payloads if key[: key.rindex("/") + 1 + _ID].encode() in found.data]
            self.in_use.update(named)
            silent = not named and not any(sign in found.data for sign in _WITHOUT_PAYLOAD)
            if silent and found.problem not in self.done.held:
                self.done.held.append(found.problem)

    def _remove_expired(self, meta: ObjectMeta, record: Record) -> None:
        path, copy = record.path, readable_copy.look(self.storage, record)
        if self.dry_run:
            self.over.add(record.key)
        if self.dry_run or self._remove_record(meta, record, copy):
            self.done.removed.append(Removed(what="expired", key=record.key, size=meta.size))
            if copy is not None:
                self.done.removed.append(Removed(what="expired", key=copy.key, size=copy.size))
            if path is not None:
                self.freed.add(path)
        elif path is not None:
            self.in_use.add(path)

    def _remove_record(self, meta: ObjectMeta, record: Record, copy: ObjectMeta | None) -> bool:
        """Whether it is gone: not where somebody is writing it anew, or has just done so."""
        manager = self.manager
        lease = manager.acquire(record.key, timeout=0) if manager is not None else None
        if manager is not None and lease is None:
            return False
        try:
            again = look(self.storage, meta, self.place.label)
            if again.record != record:
                self._note(again)
                return False
            if copy is not None:
                self.storage.delete_unchanged(copy)
            if not self.storage.delete_unchanged(meta):
                self._note(look(self.storage, meta, self.place.label))
                return False
        except KeyMissing:
            return False
        finally:
            if lease is not None:
                lease.release()
        self._forget(record)
        return True

    def _forget(self, record: Record) -> None:
        if self.catalog is None:
            return
        try:
            made = record.created_at
            for row in self.catalog.references(key=record.key):
                where = storage_of(row)
                if where is not None and where.identity == self.place.identity and row.created <= made + SAME_MOMENT:
                    self.catalog.delete_reference(row.storage, row.key)
        except CatalogError:
            self.catalog = None  # an index: `holdall catalog rebuild` puts it right

    def remove_payloads(self) -> None:
        going = [meta for key, meta in self.payloads.items() if key in self.freed or key in self.old]
        for meta in going:
            if meta.key in self.in_use:
                continue
            if self.looked.seconds > self.patience:
                self._look_again()
            self._remove_payload(meta)
        self.done.young += len(self.payloads.keys() - self.old - self.freed - self.in_use)

    def _remove_payload(self, meta: ObjectMeta) -> None:
        expired = meta.key in self.freed
        if meta.key in self.in_use or (self.done.held and not expired):
            return
        if not self.dry_run and not self.storage.delete_unchanged(meta):
            self.done.young += 1  # somebody is about to give it a record
            return
        self.done.removed.append(Removed(what="expired" if expired else "payload", key=meta.key, size=meta.size))


def _is_over(record: Record, now: float) -> bool:
    return record.expires_at is not None and record.expires_at <= now
