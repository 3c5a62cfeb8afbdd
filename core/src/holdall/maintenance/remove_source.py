"""Deletes from the source of a move what has arrived at its target."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128_digest

from holdall.errors import KeyMissing, StorageError
from holdall.results.inventory import inventory
from holdall.results.layout import CACHE, RESULTS, payload_key
from holdall.results.owner import seen
from holdall.results.payload import readable_copy
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.abc.lock import LockManager
    from holdall.maintenance.copy_report import CopiedRecord, CopyItem
    from holdall.maintenance.known_storages import OpenStorage
    from holdall.storage.guard import GuardedStorage
    from holdall.storage.locks import LockSettings

_REPLACED: Final = "It was replaced meanwhile, and the new one stays where it was."


def is_same_storage(source: OpenStorage, target: OpenStorage, /) -> bool:
    """Whether an object that is written to the target appears at the source: two names of one storage.

    Raises:
        StorageError: the target cannot be written to, or the source not be read.
    """
    key = payload_key(".probe")  # where `holdall gc` finds it, should nobody else delete it
    target.storage.put(key, [b"holdall"])
    try:
        return source.storage.exists(key)
    finally:
        target.storage.delete(key)


def delete_source(
    source: OpenStorage, copied: Sequence[CopiedRecord], /, *, jobs: int, locked: bool, settings: LockSettings
) -> tuple[list[CopyItem], str | None]:
    """Deletes copied results from the source of a move.

    Records go first, so that no reader finds one without its payload; then payloads that no record names any more.
    What was written again since it was read stays.

    Args:
        source: The storage that was copied from.
        copied: Its records as they were read.
        jobs: Number of threads.
        locked: Cached results are deleted under their locks.
        settings: Those that name the lock manager.

    Returns:
        The outcome for each record, and the problem with payloads, if any.
    """
    problem = None
    manager = lock_manager(source.storage, settings) if locked else None
    with ThreadPoolExecutor(jobs, thread_name_prefix="holdall-move") as pool:
        items = list(pool.map(partial(_delete_record, source.storage, manager), copied))
        shared = {
            record.path
            for record, item in zip(copied, items, strict=True)
            if item.removed and record.path is not None and not item.key.startswith(RESULTS)
        }
        try:
            # Whoever gives one of them a new record writes it again first, and so it is no longer what was listed here.
            metas = [meta for meta in pool.map(partial(seen, source.storage), sorted(shared)) if meta is not None]
            if metas and (named := _referenced_payloads(source)) is not None:
                unnamed = [meta for meta in metas if meta.key not in named]
                list(pool.map(source.storage.delete_unchanged, unnamed))
        except StorageError as error:
            problem = f"Payloads were left in {source.label}, for `holdall gc` to remove: {error}"
    return items, problem


def _delete_record(storage: GuardedStorage, manager: LockManager | None, copied: CopiedRecord) -> CopyItem:
    """Deletes a record, the readable copy of its payload, and the payload if no other record can name it."""
    item, lease = copied.item, None
    try:
        if manager is not None and item.key.startswith(CACHE):
            lease = manager.acquire(item.key, timeout=0)
            if lease is None:
                return replace(item, what="failed", problem="It is being written anew, and stays where it was.")
        copy = None if copied.record is None else readable_copy.look(storage, copied.record)
        payload = seen(storage, copied.path) if item.key.startswith(RESULTS) and copied.path is not None else None
        meta = storage.head(item.key)
        if xxh3_128_digest(storage.get(item.key)) != copied.digest:
            return replace(item, what="failed", problem=_REPLACED)
        # The copy first: whatever ends this here, the record leads to it again.
        if copy is not None:
            storage.delete_unchanged(copy)
        if not storage.delete_unchanged(meta):
            return replace(item, what="failed", problem=_REPLACED)
        if payload is not None:
            storage.delete_unchanged(payload)
    except KeyMissing:
        pass  # somebody else has deleted it
    except StorageError as error:
        return replace(item, problem=f"It was copied, and could not be removed: {error}")
    finally:
        if lease is not None:
            lease.release()
    return replace(item, removed=True)


def _referenced_payloads(source: OpenStorage) -> set[str | None] | None:
    """Keys of the payloads that the source's present records name; None if a record that may name any cannot be read."""
    named = set()
    for entry in inventory(source.storage, source.label):
        if entry.kind in {"damaged", "unreadable"}:
            return None  # `holdall gc` can tell which payloads such a record named
        if entry.record is not None and entry.record.payload is not None:
            named.add(entry.record.payload.path)
    return named
