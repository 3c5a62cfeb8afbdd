"""Deletes one result from its storage: the record first, then what only that record led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.errors import CorruptResultError, UntrustedResultError
from holdall.results.owner import found, of_run, seen
from holdall.results.payload import readable_copy
from holdall.results.record import is_ours

if TYPE_CHECKING:
    from holdall.results.record import Record
    from holdall.security.policy import Policy
    from holdall.storage.guard import GuardedStorage


def remove(storage: GuardedStorage, key: str, /, *, label: str, policy: Policy, run_id: str | None = None) -> None:
    """Deletes the record, its readable copy, and its payload unless another record names it.

    The copy goes first: if this is interrupted, the record still leads to it. The payload goes last, so that no reader
    finds a record without it. What is written under the key meanwhile stays.

    Raises:
        MissingResultError: It is not the record of the run `run_id`, if one is given.
        CorruptResultError: The object is not a record, but another program's. A damaged record is deleted, and so is
            one that is not trusted; its payload is left to `gc`.
        StorageError: The storage failed.
    """
    meta = seen(storage, key)
    if meta is None:
        return
    try:
        record = found(storage, key, label=label, policy=policy)
    except UntrustedResultError:
        storage.delete_unchanged(meta)  # forged, it may name the payload of another
        return
    except CorruptResultError:
        data = storage.get(key)
        if not is_ours(data):
            raise
        # Which payload was its own is not known any more, and another key's record says nothing of this one.
        storage.delete_unchanged(meta)
        return
    if record is None:
        return
    of_run(record, run_id, label=label)
    copy = readable_copy.look(storage, record)
    payload = None if record.path is None else seen(storage, record.path)
    now = seen(storage, key)
    if now is None or not now.is_same(meta):
        return
    if copy is not None:
        storage.delete_unchanged(copy)
    if not storage.delete_unchanged(meta) or payload is None:
        return
    if not is_shared(storage, record, label=label, policy=policy):
        storage.delete_unchanged(payload)


def is_shared(storage: GuardedStorage, record: Record, /, *, label: str, policy: Policy) -> bool:
    """Returns whether another record names the payload too; a damaged one may, once it has been restored."""
    if record.also is None:
        return False
    try:
        other = found(storage, record.also, label=label, policy=policy)
    except (CorruptResultError, UntrustedResultError):
        return True
    return other is not None and other.path == record.path
