"""Results that have arrived elsewhere, removed from where they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128_digest

from holdall.errors import KeyMissing, StorageError
from holdall.results.inventory import inventory
from holdall.results.layout import CACHE, RESULTS, payload_key
from holdall.results.owner import seen as look
from holdall.results.payload import readable_copy
from holdall.storage.locks import lock_manager

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.abc.lock import LockManager
    from holdall.maintenance.copy_report import Item, Seen
    from holdall.maintenance.known_storages import Place
    from holdall.storage.guard import GuardedStorage
    from holdall.storage.locks import LockSettings

_REPLACED: Final = "It was replaced meanwhile, and the new one stays where it was."


def are_one(source: Place, target: Place, /) -> bool:
    """Whether what is written to the target is seen at the source, as behind a link, or an endpoint set elsewhere.

    Raises:
        StorageError: the target cannot be written to, or the source not be read.
    """
    key = payload_key(".probe")  # where `holdall gc` finds it, should nobody else delete it
    target.storage.put(key, [b"holdall"])
    try:
        return source.storage.exists(key)
    finally:
        target.storage.delete(key)


def vacate(
    source: Place, seen: Sequence[Seen], /, *, jobs: int, locked: bool, settings: LockSettings
) -> tuple[list[Item], str | None]:
    """Remove what was seen from `source`: what became of each, and what went wrong with payloads.

    Records first, so that no reader finds one without its payload; then payloads that no record names any more. Whatever
    was written again since it was looked at stays. With `locked`, cached results under their locks.
    """
    problem = None
    manager = lock_manager(source.storage, settings) if locked else None
    with ThreadPoolExecutor(jobs, thread_name_prefix="holdall-move") as pool:
        items = list(pool.map(partial(_remove_record, source.storage, manager), seen))
        shared = {
            each.path
            for each, item in zip(seen, items, strict=True)
            if item.removed and each.path is not None and not item.key.startswith(RESULTS)
        }
        try:
            # Whoever gives one of them a new record writes it again first, and so it is no longer what was listed here.
            metas = [meta for meta in pool.map(partial(look, source.storage), sorted(shared)) if meta is not None]
            if metas and (named := _named(source)) is not None:
                going = [meta for meta in metas if meta.key not in named]
                list(pool.map(source.storage.delete_unchanged, going))
        except StorageError as error:
            problem = f"Payloads were left in {source.label}, for `holdall gc` to remove: {error}"
    return items, problem


def _remove_record(storage: GuardedStorage, manager: LockManager | None, seen: Seen) -> Item:
    """A record, the readable copy of its payload, and the payload where no other record can name it."""
    item, lease = seen.item, None
    try:
        if manager is not None and item.key.startswith(CACHE):
            lease = manager.acquire(item.key, timeout=0)
            if lease is None:
                return replace(item, what="failed", problem="It is being written anew, and stays where it was.")
        copy = None if seen.record is None else readable_copy.look(storage, seen.record)
        payload = look(storage, seen.path) if item.key.startswith(RESULTS) and seen.path is not None else None
        meta = storage.head(item.key)
        if xxh3_128_digest(storage.get(item.key)) != seen.digest:
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


def _named(source: Place) -> set[str | None] | None:
    """Payloads that records name which lie there now, those included that came meanwhile.

    None where a record cannot be read, which may name any: `holdall gc` knows what to do then.
    """
    named = set()
    for found in inventory(source.storage, source.label):
        if found.kind in {"damaged", "unreadable"}:
            return None
        if found.record is not None and found.record.payload is not None:
            named.add(found.record.payload.path)
    return named
