"""Copies or moves the results of a storage to another one, in several threads; an interrupted job may be repeated."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

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
from holdall.maintenance.copy_report import CopiedRecord, CopyItem, CopyReport, Selection
from holdall.maintenance.copy_result import CopyContext, CopySigners, copy_result
from holdall.maintenance.remove_source import delete_source, is_same_storage
from holdall.results.inventory import look, objects, untracked
from holdall.results.layout import candidates
from holdall.results.policy import policy_of
from holdall.results.references import ResultReference, from_json
from holdall.security.signing import UNSIGNED
from holdall.storage.guard import guard
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from holdall.abc.catalog import Catalog
    from holdall.maintenance.copy_report import ItemOutcome
    from holdall.maintenance.known_storages import OpenStorage
    from holdall.results.inventory import Entry, Track
    from holdall.results.record import Record
    from holdall.settings.model import Settings
    from holdall.types import ObjectMeta

JOBS: Final = 8
_PATIENCE: Final = 3  # failures in a row after which the rest is not tried

ALL: Final = Selection()


def copy(
    source: OpenStorage,
    target: OpenStorage,
    /,
    *,
    settings: Settings,
    chosen: Selection = ALL,
    jobs: int = JOBS,
    dry_run: bool = False,
    repoint: Catalog | None = None,
    track: Track = untracked,
) -> CopyReport:
    """Copies results.

    Args:
        source: The storage to read from.
        target: The storage to write to.
        settings: Those whose keys verify and sign records.
        chosen: Which results.
        jobs: Number of threads.
        dry_run: Reports what would be copied and changes nothing.
        repoint: A catalog whose references then point to the copies.
        track: Shows the progress.

    Raises:
        ConfigurationError: the two are one storage.
        MissingResultError: a chosen key is not there.
        StorageError: the source cannot be listed.
    """
    job = CopyJob(source, target, settings=settings, chosen=chosen, jobs=jobs, dry_run=dry_run, track=track)
    job.copy()
    if repoint is not None and not dry_run:
        job.repoint(repoint)
    return job.report()


def move(
    source: OpenStorage,
    target: OpenStorage,
    catalog: Catalog,
    /,
    *,
    settings: Settings,
    chosen: Selection = ALL,
    jobs: int = JOBS,
    dry_run: bool = False,
    track: Track = untracked,
) -> CopyReport:
    """Copies results, points the catalog to the target, and then deletes from the source what has arrived.

    One move at a time from or to a storage. What is replaced at the source meanwhile stays there (up to the very moment,
    where the storage can delete on condition), and so does a result of which the target has a newer one.

    Raises:
        As `copy`; ConfigurationError also where the two prove to be one storage by two names: nothing was deleted.
    """
    job = CopyJob(
        source, target, settings=settings, chosen=chosen, jobs=jobs, dry_run=dry_run, kind="move", track=track
    )
    if dry_run:
        job.copy()
        return job.report()
    with _move_locks(source, target, settings=settings):
        job.copy()
        try:
            if job.is_one_storage():
                raise job.one_storage_error()
        except StorageError as error:
            job.problem = str(error)
            return job.report()
        if job.repoint(catalog):
            job.remove({"copied", "there"})
            job.repoint_back(catalog)
    return job.report()


@contextmanager
def _move_locks(*storages: OpenStorage, settings: Settings) -> Iterator[None]:
    """Waits for other moves from and to these storages: of two that cross, each would delete the other's copies.

    Excludes moves that share this home, and for folders all that share the folder; not moves between buckets that two
    machines make at once in both directions.
    """
    with ExitStack() as stack:
        for storage in sorted(storages, key=attrgetter("identity")):
            managers = [lock_manager(guard(Directory(settings.home)))]
            if os.path.isdir(str(storage.where.location.get("basepath", ""))):
                managers.append(lock_manager(storage.storage, settings))
            for manager in managers:
                with suppress(StorageError):  # the write that follows raises it again
                    lease = None if manager is None else manager.acquire(f"move {storage.identity}")
                    if lease is not None:
                        stack.callback(lease.release)
        yield


class CopyJob:
    """Copy or move of one storage's results: the records that were read and the outcome for each.

    Unless `kind` is `copy`, originals will be deleted, and so copies that were there before are verified. For `push` the
    source is the spool, whose records name the target already.
    """

    def __init__(
        self,
        source: OpenStorage,
        target: OpenStorage,
        /,
        *,
        settings: Settings,
        chosen: Selection = ALL,
        jobs: int = JOBS,
        dry_run: bool = False,
        kind: Literal["copy", "move", "push"] = "copy",
        track: Track = untracked,
    ) -> None:
        self.source = source
        self.target = target
        if source.identity == target.identity:
            raise self.one_storage_error()
        self.settings = settings
        self.chosen = chosen
        self.jobs = jobs
        self.is_push = kind == "push"
        self.track = track
        # The spool's results are signed as those of the storage that they are for.
        policy = policy_of((target if self.is_push else source).storage, settings)
        signers = CopySigners(
            policy.signing, policy_of(target.storage, settings).signing, unsigned=UNSIGNED in policy.accept
        )
        self._context = CopyContext(
            signers=signers, dry_run=dry_run, thorough=kind != "copy", progress=settings.progress
        )
        self.repointed = 0
        self.problem: str | None = None
        self._records: list[CopiedRecord] = []
        self._arrived: set[str] = set()
        self._failures = 0
        self._counting = threading.Lock()

    def report(self) -> CopyReport:
        """Builds the report of what was done so far."""
        return CopyReport(
            source=self.source.label,
            target=self.target.label,
            items=[copied.item for copied in self._records],
            repointed=self.repointed,
            problem=self.problem,
        )

    def copy(self) -> None:
        """Copies the chosen records, several at a time."""
        metas = self._metas()
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="holdall-copy") as pool:
            futures = [pool.submit(self._copy_object, meta) for meta in metas]
            try:
                for future in self.track(futures, f"Copying {self.source.label}"):
                    if (copied := future.result()) is not None:
                        self._records.append(copied)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _metas(self) -> list[ObjectMeta]:
        if not self.chosen.keys:
            return list(objects(self.source.storage))
        return [self._meta_of(key) for key in dict.fromkeys(self.chosen.keys)]

    def _meta_of(self, name: str) -> ObjectMeta:
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

    def _copy_object(self, meta: ObjectMeta) -> CopiedRecord | None:
        if self._failures >= _PATIENCE:
            return CopiedRecord(CopyItem(key=meta.key, what="left"))
        try:
            return self._copy_readable(meta)
        except KeyMissing:
            return None  # deleted since it was listed
        except StorageError as error:
            self._count(failed=True)
            return CopiedRecord(CopyItem(key=meta.key, what="failed", problem=str(error)))

    def _copy_readable(self, meta: ObjectMeta) -> CopiedRecord | None:
        """Reads an object and copies it if it is a record; once more if the record was replaced meanwhile."""
        before = b""
        while True:
            entry = look(self.source.storage, meta, self.source.label)
            if entry.kind == "foreign":
                return None
            if entry.kind != "record" or entry.record is None:
                return CopiedRecord(CopyItem(key=meta.key, what="failed", problem=entry.problem))
            try:
                return self._copy_record(entry, entry.record)
            except MissingResultError as error:
                # Its payload is gone: with the record, which was deleted or replaced meanwhile, or for good.
                if entry.data == before:
                    self._count(failed=False)
                    return CopiedRecord(replace(CopyItem.of(entry.record, "failed"), problem=str(error)))
                before = entry.data

    def _copy_record(self, entry: Entry, record: Record) -> CopiedRecord | None:
        item = CopyItem.of(record, "failed")
        if self.chosen.name not in {None, item.name}:
            return None
        reference = record.storage if self.is_push else self.target.where
        try:
            outcome = copy_result(
                record, entry.data, self.source.storage, self.target.storage, reference, self._context
            )
        except MissingResultError:
            raise
        except HoldallError as error:
            self._count(failed=isinstance(error, StorageError))
            return CopiedRecord(replace(item, problem=str(error)))
        self._count(failed=False)
        return CopiedRecord(replace(item, what=outcome), xxh3_128_digest(entry.data), record)

    def is_one_storage(self) -> bool:
        """Whether the two are one storage by two names, in which every result is there already."""
        has_arrived = any(copied.item.what in {"copied", "there"} for copied in self._records)
        return has_arrived and is_same_storage(self.source, self.target)

    def one_storage_error(self) -> ConfigurationError:
        """Builds the error for two names of one storage."""
        return ConfigurationError(
            f"{self.source.label} and {self.target.label} are one place: name another to copy to."
        )

    def _count(self, *, failed: bool) -> None:
        with self._counting:
            self._failures = self._failures + 1 if failed else 0

    def repoint(self, catalog: Catalog) -> bool:
        """Points the catalog's references to what has arrived; returns whether the catalog could be written."""
        arrived = [copied for copied in self._records if copied.item.what in {"copied", "there"}]
        self._arrived = {copied.item.key for copied in arrived}
        # Results that other runs had under these keys were not copied. References of older versions name no run.
        runs = {(copied.item.key, copied.record.run_id) for copied in arrived if copied.record is not None}
        return self._repoint(catalog, runs | {(key, None) for key in self._arrived}, self.source, self.target)

    def repoint_back(self, catalog: Catalog) -> None:
        """Points references that name no run back to results that were written at the source meanwhile and stay."""
        stayed = {copied.item.key for copied in self._records if copied.item.what == "failed"} & self._arrived
        self._repoint(catalog, {(key, None) for key in stayed}, self.target, self.source)

    def _repoint(
        self, catalog: Catalog, runs: set[tuple[str, str | None]], before: OpenStorage, after: OpenStorage
    ) -> bool:
        """Points references from one storage to the other, those of these keys and runs."""

        def moved(text: str) -> tuple[str, str] | None:
            try:
                result = from_json(text)
            except ConfigurationError:
                return None
            if not isinstance(result, ResultReference) or (result.key, result.run_id) not in runs:
                return None
            if result.storage.identity != before.identity:
                return None
            return after.label, replace(result, storage=after.where).json()

        try:
            rows = catalog.repoint(moved) if runs else 0
        except CatalogError as error:
            self.problem = str(error)
            return False
        if after is self.target:
            self.repointed = rows
        return True

    def remove(self, outcomes: Collection[ItemOutcome]) -> None:
        """Deletes from the source the results with one of these outcomes."""
        copied = [each for each in self._records if each.item.what in outcomes]
        # A writer to the spool holds the lock of another storage, if any.
        locked = not self.is_push
        items, self.problem = delete_source(self.source, copied, jobs=self.jobs, locked=locked, settings=self.settings)
        by_key = {item.key: item for item in items}
        self._records = [each._replace(item=by_key.get(each.item.key, each.item)) for each in self._records]
