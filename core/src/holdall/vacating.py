"""Results that have arrived elsewhere, removed from where they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128_digest

from holdall import boundary
from holdall.errors import KeyMissing, StorageError
from holdall.ids import new_id, shard
from holdall.keys import PAYLOADS
from holdall.locks import lock_manager
from holdall.survey import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.moved import Item, Seen
    from holdall.storages import Place

_OWN: Final = "results/"  # such a record is the only one of its payload
_CACHED: Final = "cache/"  # such a one is written by whoever has its lock


def are_one(source: Place, target: Place, /) -> bool:
    """Whether what is written to the target is seen at the source, as behind a link, or an endpoint set elsewhere.

    Raises:
        StorageError: the target cannot be written to, or the source not be read.
    """
    unique = new_id()
    key = f"{PAYLOADS}{shard(unique)}/{unique}.probe"  # where `holdall gc` finds it, should nobody else delete it
    boundary.put(target.storage, key, [b"holdall"])
    try:
        return source.storage.exists(key)
    finally:
        boundary.delete(target.storage, key)


class Vacating:
    """Removes from `source`. With `locked`, cached results under their locks; `selected`: it holds others than these."""

    def __init__(self, source: Place, /, *, locked: bool = True, selected: bool = False) -> None:
        self.source = source
        self.locked = locked
        self.selected = selected

    def remove(self, seen: Sequence[Seen], going: Sequence[int], /, *, jobs: int) -> tuple[list[Seen], str | None]:
        """All that was seen, with what became of those that are `going` by their numbers; and what went wrong.

        Records first, so that no reader finds one without its payload; then payloads that no other record names.
        """
        outcome, problem = list(seen), None
        with ThreadPoolExecutor(jobs, thread_name_prefix="holdall-move") as pool:
            items = pool.map(self._remove_record, [seen[n] for n in going])
            for n, item in zip(going, items, strict=True):
                outcome[n] = outcome[n]._replace(item=item)
            try:
                list(pool.map(partial(boundary.delete, self.source.storage), self._freed(outcome)))
            except StorageError as error:
                problem = f"Payloads were left in {self.source.label}, for `holdall gc` to remove: {error}"
        return outcome, problem

    def _remove_record(self, seen: Seen) -> Item | None:
        """A record, the readable copy of its payload, and the payload where no other record can name it."""
        storage, item, lease = self.source.storage, seen.item, None
        if item is None:
            return None
        try:
            if item.key.startswith(_CACHED) and self.locked and (manager := lock_manager(storage)) is not None:
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

    def _freed(self, all_seen: Sequence[Seen]) -> list[str]:
        """Payloads that two records may have named, and that none names any more."""
        going = {seen.path: seen for seen in all_seen if seen.item is not None and seen.item.removed and seen.path}
        freed = {path for path, seen in going.items() if seen.item and not seen.item.key.startswith(_OWN)}
        stays = {seen.path for seen in all_seen if seen.item is None or not seen.item.removed}
        sure = all(seen.readable for seen in all_seen)
        if freed and sure and self.selected:
            for found in survey(self.source.storage, self.source.label):
                if found.record is not None and found.record.payload is not None:
                    stays.add(found.record.payload.path)
                sure &= found.kind in {"record", "foreign"}
        # A record that cannot be read may name the payload of another; what it names, `holdall gc` knows to keep.
        return sorted(path for path in freed - stays if sure)
