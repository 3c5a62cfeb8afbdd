"""One result, removed from its storage: the record first, then what only that record led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.errors import CorruptResultError, UntrustedResultError
from holdall.results import record as records
from holdall.results.owner import found, of_run, seen
from holdall.results.payload import readable_copy

if TYPE_CHECKING:
    from holdall.results.record import Record
    from holdall.security.policy import Policy
    from holdall.storage.guard import GuardedStorage


def remove(storage: GuardedStorage, key: str, /, *, label: str, policy: Policy, run_id: str | None = None) -> None:
    """Delete the record, its readable copy, and its payload unless another record names it.

    The copy goes first: whatever ends this early, the record leads to it again. The payload goes last, so that no reader
    finds a record without it. What is written under the key meanwhile, or made of the payload, comes after this and stays.

    Raises:
        MissingResultError: it is not the record of the run `run_id`, where one is given.
        CorruptResultError: what lies there is no record at all, and somebody else's. A damaged one is removed, and so
            is one that is not believed; its payload is left to `gc`.
        StorageError: the storage failed.
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
        if not records.is_ours(data):
            raise
        # Which payload was its own, it cannot say any more; what another key's record says is no matter of this one.
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
    """Whether another record names the payload as well; one that is damaged may, once it has been restored."""
    if record.also is None:
        return False
    try:
        other = found(storage, record.also, label=label, policy=policy)
    except (CorruptResultError, UntrustedResultError):
        return True
    return other is not None and other.path == record.path
