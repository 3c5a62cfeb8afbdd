"""Many results from one storage to another: copied or moved, by several threads, and again after whatever cut it short."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128_digest

from holdall.builtin.local.directory import Directory
from holdall.errors import (
    CatalogError,
    ConfigurationError,
    HoldallError,
    KeyMissing,
    MissingResultError,
    StorageError,
)
from holdall.maintenance.copy_report import Item, Moved, Seen, Selection
from holdall.maintenance.copy_result import Job, Keys, transfer
from holdall.maintenance.remove_source import are_one, vacate
from holdall.results.inventory import look, objects, untracked
from holdall.results.layout import candidates
from holdall.results.policy import policy_of
from holdall.results.references import ResultReference, from_json
from holdall.security.signing import UNSIGNED
from holdall.settings.model import current
from holdall.storage.guard import guard
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from holdall.abc.catalog import Catalog
    from holdall.maintenance.copy_report import What
    from holdall.maintenance.known_storages import Place
    from holdall.results.inventory import Entry, Track
    from holdall.results.record import Record
    from holdall.types import ObjectMeta

JOBS: Final = 8
_PATIENCE: Final = 3  # failures in a row, after which a storage is taken to be out of order

ALL: Final = Selection()


def copy(
    source: Place,
    target: Place,
    /,
    *,
    chosen: Selection = ALL,
    jobs: int = JOBS,
    dry_run: bool = False,
    repoint: Catalog | None = None,
    track: Track = untracked,
) -> Moved:
    """Copy results; the catalog `repoint`, where one is given, then points to the copies.

    Raises:
        ConfigurationError: the two are one place.
        MissingResultError: a key that was chosen is not there.
        StorageError: the source cannot be listed.
    """
    work = Work(source, target, chosen=chosen, jobs=jobs, dry_run=dry_run, track=track)
    work.copy()
    if repoint is not None and not dry_run:
        work.repoint(repoint)
    return work.done()


def move(
    source: Place,
    target: Place,
    catalog: Catalog,
    /,
    *,
    chosen: Selection = ALL,
    jobs: int = JOBS,
    dry_run: bool = False,
    track: Track = untracked,
) -> Moved:
    """The same; what has arrived is removed from the source once the catalog points to the target.

    One move at a time from or to a place. What is replaced at the source meanwhile stays there (up to the very moment,
    where the storage can delete on condition), and so does a result of which the target has a newer one.

    Raises:
        As `copy`; ConfigurationError also where the two turn out to be one place by two names: nothing was removed.
    """
    work = Work(source, target, chosen=chosen, jobs=jobs, dry_run=dry_run, removes=True, track=track)
    if dry_run:
        work.copy()
        return work.done()
    with _alone(source, target):
        work.copy()
        try:
            if work.is_one_place():
                raise work.one_place()
        except StorageError as error:
            work.problem = str(error)
            return work.done()
        if work.repoint(catalog):
            work.remove({"copied", "there"})
            work.repoint_back(catalog)
    return work.done()


@contextmanager
def _alone(*places: Place) -> Iterator[None]:
    """Waits for other moves from and to these places: of two that cross, each would take the other's copy for its own.

    Holds for this home, and for folders between all that share them; whoever moves between buckets from two machines at
    once, in both directions, is on his own.
    """
    with ExitStack() as stack:
        for place in sorted(places, key=attrgetter("identity")):
            managers = [lock_manager(guard(Directory(current().home)))]
            if os.path.isdir(str(place.where.location.get("basepath", ""))):
                managers.append(lock_manager(place.storage, current()))
            for manager in managers:
                with suppress(StorageError):  # what is wrong shows where it is written to
                    lease = None if manager is None else manager.acquire(f"move {place.identity}")
                    if lease is not None:
                        stack.callback(lease.release)
        yield


class Work:
    """One storage on its way: what was found, and what became of it.

    `removes` says that originals will go, and so copies that were there before are read. `as_written` leaves in records
    the place that they name.
    """

    def __init__(
        self,
        source: Place,
        target: Place,
        /,
        *,
        chosen: Selection = ALL,
        jobs: int = JOBS,
        dry_run: bool = False,
        removes: bool = False,
        as_written: bool = False,
        track: Track = untracked,
    ) -> None:
        self.source = source
        self.target = target
        if source.identity == target.identity:
            raise self.one_place()
        self.chosen = chosen
        self.jobs = jobs
        self.as_written = as_written
        self.track = track
        found = current()
        # The spool's results are signed as those of the place that they are for.
        mine = policy_of((target if as_written else source).storage, found)
        keys = Keys(mine.signing, policy_of(target.storage, found).signing, unsigned=UNSIGNED in mine.accept)
        self._job = Job(keys=keys, dry_run=dry_run, sure=removes)
        self.repointed = 0
        self.problem: str | None = None
        self._seen: list[Seen] = []
        self._arrived: set[str] = set()
        self._failures = 0
        self._counting = threading.Lock()

    def done(self) -> Moved:
        return Moved(
            source=self.source.label,
            target=self.target.label,
            items=[seen.item for seen in self._seen],
            repointed=self.repointed,
            problem=self.problem,
        )

    def copy(self) -> None:
        metas = self._metas()
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="holdall-copy") as pool:
            futures = [pool.submit(self._one, meta) for meta in metas]
            try:
                for future in self.track(futures, f"Copying {self.source.label}"):
                    if (seen := future.result()) is not None:
                        self._seen.append(seen)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _metas(self) -> list[ObjectMeta]:
        if not self.chosen.keys:
            return list(objects(self.source.storage))
        return [self._named(key) for key in dict.fromkeys(self.chosen.keys)]

    def _named(self, name: str) -> ObjectMeta:
        for key in candidates(name):
            try:
                meta = self.source.storage.head(key)
                if look(self.source.storage, meta, self.source.label).kind != "foreign":
                    return meta
            except KeyMissing:
                continue
        raise MissingResultError(
            f"There is no result {name!r} in {self.source.label}, so nothing was copied. "
            "`holdall result ls --storage` lists those there."
        )

    def _one(self, meta: ObjectMeta) -> Seen | None:
        if self._failures >= _PATIENCE:
            return Seen(Item(key=meta.key, what="left"))
        try:
            return self._looked_at(meta)
        except KeyMissing:
            return None  # deleted since it was listed
        except StorageError as error:
            self._count(failed=True)
            return Seen(Item(key=meta.key, what="failed", problem=str(error)))

    def _looked_at(self, meta: ObjectMeta) -> Seen | None:
        before = b""
        while True:
            found = look(self.source.storage, meta, self.source.label)
            if found.kind == "foreign":
                return None
            if found.kind != "record" or found.record is None:
                return Seen(Item(key=meta.key, what="failed", problem=found.problem))
            try:
                return self._copied(found, found.record)
            except MissingResultError as error:
                # Its payload is gone: with the record, which was deleted or replaced meanwhile, or for good.
                if found.data == before:
                    self._count(failed=False)
                    return Seen(replace(Item.of(found.record, "failed"), problem=str(error)))
                before = found.data

    def _copied(self, found: Entry, record: Record) -> Seen | None:
        item = Item.of(record, "failed")
        if self.chosen.name not in {None, item.name}:
            return None
        where = record.storage if self.as_written else self.target.where
        try:
            what = transfer(record, found.data, self.source.storage, self.target.storage, where, self._job)
        except MissingResultError:
            raise
        except HoldallError as error:
            self._count(failed=isinstance(error, StorageError))
            return Seen(replace(item, problem=str(error)))
        self._count(failed=False)
        return Seen(replace(item, what=what), xxh3_128_digest(found.data), record)

    def is_one_place(self) -> bool:
        """Whether the two are one by two names, so that all had seemed to be there already."""
        arrived = any(seen.item.what in {"copied", "there"} for seen in self._seen)
        return arrived and are_one(self.source, self.target)

    def one_place(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.source.label} and {self.target.label} are one place: name another to copy to."
        )

    def _count(self, *, failed: bool) -> None:
        with self._counting:
            self._failures = self._failures + 1 if failed else 0

    def repoint(self, catalog: Catalog) -> bool:
        """Whether the catalog points to the target now, for all that is there."""
        arrived = [seen for seen in self._seen if seen.item.what in {"copied", "there"}]
        self._arrived = {seen.item.key for seen in arrived}
        # Of what other runs have had under these keys, nothing has gone anywhere. References of before name no run.
        whose = {(seen.item.key, seen.record.run_id) for seen in arrived if seen.record is not None}
        return self._repoint(catalog, whose | {(key, None) for key in self._arrived}, self.source, self.target)

    def repoint_back(self, catalog: Catalog) -> None:
        """To what was written at the source meanwhile, and stays: a reference that names no run may have been its own."""
        stayed = {seen.item.key for seen in self._seen if seen.item.what == "failed"} & self._arrived
        self._repoint(catalog, {(key, None) for key in stayed}, self.target, self.source)

    def _repoint(self, catalog: Catalog, whose: set[tuple[str, str | None]], before: Place, after: Place) -> bool:
        """Of references by key and run."""

        def moved(text: str) -> tuple[str, str] | None:
            try:
                result = from_json(text)
            except ConfigurationError:
                return None
            if not isinstance(result, ResultReference) or (result.key, result.run_id) not in whose:
                return None
            if result.storage.identity != before.identity:
                return None
            return after.label, replace(result, storage=after.where).json()

        try:
            rows = catalog.repoint(moved) if whose else 0
        except CatalogError as error:
            self.problem = str(error)
            return False
        if after is self.target:
            self.repointed = rows
        return True

    def remove(self, what: Collection[What]) -> None:
        """What became so, from the source."""
        going = [seen for seen in self._seen if seen.item.what in what]
        # Who writes to the spool holds the lock of another storage, if any.
        items, self.problem = vacate(self.source, going, jobs=self.jobs, locked=not self.as_written, settings=current())
        became = {item.key: item for item in items}
        self._seen = [seen._replace(item=became.get(seen.item.key, seen.item)) for seen in self._seen]
