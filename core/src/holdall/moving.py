"""Many results from one storage to another: copied or moved, by several threads, and again after whatever cut it short."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from xxhash import xxh3_128_digest

from holdall import boundary
from holdall.errors import (
    CatalogError,
    ConfigurationError,
    HoldallError,
    KeyMissing,
    MissingResultError,
    StorageError,
)
from holdall.keys import beside, payload_made_at
from holdall.locks import lock_manager
from holdall.results import ResultReference, from_json
from holdall.survey import look, survey, untracked
from holdall.transfer import published_as, transfer

if TYPE_CHECKING:
    from collections.abc import Collection

    from holdall.abc.catalog import Catalog
    from holdall.record import Record
    from holdall.storages import Place
    from holdall.survey import Found, Track
    from holdall.types import ObjectMeta

JOBS: Final = 8
_PATIENCE: Final = 3  # failures in a row, after which a storage is taken to be out of order
_OWN: Final = "results/"  # such a record is the only one of its payload
_CACHED: Final = "cache/"  # such a one is written by whoever has its lock

What = Literal["copied", "there", "newer", "failed", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One result. `newer`: the target has a younger one, which stayed. `left`: not tried, as others before it failed.

    `size` is its payload's, in bytes; `removed` says that the source has it no more.
    """

    key: str
    what: What
    name: str | None = None
    size: int = 0
    removed: bool = False
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class Moved:
    """What became of the results of one storage: `source` and `target` in words.

    `problem` ended it early. What was done stays done, and doing it again does the rest.
    """

    source: str
    target: str
    items: list[Item] = field(default_factory=list)
    repointed: int = 0
    problem: str | None = None

    def count(self, *what: What) -> int:
        return sum(each.what in what for each in self.items)

    @property
    def size(self) -> int:
        """Bytes of the payloads that were copied."""
        return sum(each.size for each in self.items if each.what == "copied")

    @property
    def complete(self) -> bool:
        return self.problem is None and not any(each.problem or each.what == "left" for each in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which results: of tasks and flows of the name `name`, or under one of `keys`; with neither, all."""

    name: str | None = None
    keys: Collection[str] = ()


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

    What is replaced at the source meanwhile stays there, and so does a result of which the target has a newer one.
    """
    work = Work(source, target, chosen=chosen, jobs=jobs, dry_run=dry_run, track=track)
    work.copy()
    if not dry_run and work.repoint(catalog):
        work.remove({"copied", "there"})
    return work.done()


class _Seen(NamedTuple):
    """What is remembered of a record that was looked at: its item, a digest of its bytes, what else belongs to it."""

    item: Item | None
    digest: bytes = b""
    path: str | None = None
    copy: str | None = None
    readable: bool = True


class Work:
    """One storage on its way: what was found, and what became of it.

    `as_written` leaves in records the place that they name.
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
        as_written: bool = False,
        track: Track = untracked,
    ) -> None:
        if source.identity == target.identity:
            raise ConfigurationError(f"{source.label} and {target.label} are one place: name another to copy to.")
        self.source = source
        self.target = target
        self.chosen = chosen
        self.jobs = jobs
        self.dry_run = dry_run
        self.as_written = as_written
        self.track = track
        self.repointed = 0
        self.problem: str | None = None
        self._seen: list[_Seen] = []
        self._failures = 0
        self._counting = threading.Lock()

    def done(self) -> Moved:
        items = [seen.item for seen in self._seen if seen.item is not None]
        return Moved(
            source=self.source.label,
            target=self.target.label,
            items=items,
            repointed=self.repointed,
            problem=self.problem,
        )

    def copy(self) -> None:
        metas = self._metas()
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="holdall-copy") as pool:
            futures = [pool.submit(self._one, meta) for meta in metas]
            try:
                for future in self.track(futures, f"Copying {self.source.label}"):
                    self._seen.append(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _metas(self) -> list[ObjectMeta]:
        if not self.chosen.keys:
            return [meta for meta in self.source.storage.scan() if payload_made_at(meta.key) is None]
        return [self._named(key) for key in dict.fromkeys(self.chosen.keys)]

    def _named(self, name: str) -> ObjectMeta:
        # As in `ResultStore.find`: a name may be that of a payload, and its record lies beside it.
        for key in (name, beside(name)):
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

    def _one(self, meta: ObjectMeta) -> _Seen:
        if self._failures >= _PATIENCE:
            return _Seen(Item(key=meta.key, what="left"), readable=False)
        try:
            found = look(self.source.storage, meta, self.source.label)
        except KeyMissing:
            return _Seen(None)  # deleted since it was listed
        except StorageError as error:
            self._count(failed=True)
            return _Seen(Item(key=meta.key, what="failed", problem=str(error)), readable=False)
        if found.kind == "foreign":
            return _Seen(None)
        if found.record is None:
            return _Seen(Item(key=meta.key, what="failed", problem=found.problem), readable=False)
        return self._copied(found, found.record)

    def _copied(self, found: Found, record: Record) -> _Seen:
        name = record.producer.get("name")
        path, size = (None, 0) if record.payload is None else (record.payload.path, record.payload.size)
        item = Item(key=record.key, what="failed", name=name, size=size)
        if self.chosen.name not in {None, name}:
            return _Seen(None, path=path)
        where = record.storage if self.as_written else self.target.where
        try:
            what = transfer(record, found.data, self.source.storage, self.target.storage, where, dry_run=self.dry_run)
        except HoldallError as error:
            self._count(failed=isinstance(error, StorageError))
            return _Seen(replace(item, problem=str(error)), path=path)
        self._count(failed=False)
        return _Seen(replace(item, what=what), xxh3_128_digest(found.data), path, published_as(record))

    def _count(self, *, failed: bool) -> None:
        with self._counting:
            self._failures = self._failures + 1 if failed else 0

    def repoint(self, catalog: Catalog) -> bool:
        """Whether the catalog points to the target now, for all that is there."""
        arrived = {seen.item.key for seen in self._seen if seen.item and seen.item.what in {"copied", "there"}}

        def moved(text: str) -> tuple[str, str] | None:
            try:
                result = from_json(text)
            except ConfigurationError:
                return None
            if not isinstance(result, ResultReference) or result.key not in arrived:
                return None
            if result.storage.identity != self.source.identity:
                return None
            return self.target.label, replace(result, storage=self.target.where).json()

        try:
            self.repointed = catalog.repoint(moved) if arrived else 0
        except CatalogError as error:
            self.problem = str(error)
            return False
        return True

    def remove(self, what: Collection[What]) -> None:
        """Records first, so that no reader finds one without its payload; then payloads that no other record names."""
        storage = self.source.storage
        going = [n for n, seen in enumerate(self._seen) if seen.item is not None and seen.item.what in what]
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="holdall-move") as pool:
            outcomes = pool.map(self._remove_record, [self._seen[n] for n in going])
            for n, item in zip(going, outcomes, strict=True):
                self._seen[n] = self._seen[n]._replace(item=item)
            try:
                list(pool.map(partial(boundary.delete, storage), self._freed()))
            except StorageError as error:
                self.problem = f"Payloads were left in {self.source.label}, for `holdall gc` to remove: {error}"

    def _remove_record(self, seen: _Seen) -> Item | None:
        """A record, the readable copy of its payload, and the payload where no other record can name it."""
        storage, item, lease = self.source.storage, seen.item, None
        if item is None:
            return None
        try:
            # Who writes to the spool holds the lock of another storage, if any.
            if item.key.startswith(_CACHED) and not self.as_written and (manager := lock_manager(storage)) is not None:
                lease = manager.acquire(item.key, timeout=0)
                if lease is None:
                    return replace(item, problem="It is being written anew, and stays where it was.")
            if xxh3_128_digest(boundary.get(storage, item.key)) != seen.digest:
                return replace(item, problem="It was replaced meanwhile, and the new one stays where it was.")
            boundary.delete(storage, item.key)
            if item.key.startswith(_OWN) and seen.path is not None:
                boundary.delete(storage, seen.path)
            if seen.copy is not None and storage.head(seen.copy).size == item.size:
                boundary.delete(storage, seen.copy)
        except KeyMissing:
            pass  # somebody else has deleted it
        except StorageError as error:
            return replace(item, problem=f"It was copied, and could not be removed: {error}")
        finally:
            if lease is not None:
                lease.release()
        return replace(item, removed=True)

    def _freed(self) -> list[str]:
        """Payloads that two records may have named, and that none names any more."""
        going = {seen.path: seen for seen in self._seen if seen.item is not None and seen.item.removed and seen.path}
        freed = {path for path, seen in going.items() if seen.item and not seen.item.key.startswith(_OWN)}
        stays = {seen.path for seen in self._seen if seen.item is None or not seen.item.removed}
        sure = all(seen.readable for seen in self._seen)
        if freed and sure and self.chosen.keys:
            for found in survey(self.source.storage, self.source.label):
                if found.record is not None and found.record.payload is not None:
                    stays.add(found.record.payload.path)
                sure &= found.kind in {"record", "foreign"}
        # A record that cannot be read may name the payload of another; what it names, `holdall gc` knows to keep.
        return sorted(path for path in freed - stays if sure)
