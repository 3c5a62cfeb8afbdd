"""One result, removed from its storage: the record first, then what only that record led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall import boundary, copies
from holdall import record as records
from holdall.belonging import found
from holdall.errors import CorruptResultError, UntrustedResultError

if TYPE_CHECKING:
    from holdall.abc.policy import Policy
    from holdall.abc.storage import Storage
    from holdall.record import Record


def remove(storage: Storage, key: str, /, *, label: str, policy: Policy) -> None:
    """Delete the record, its readable copy, and its payload unless another record names it.

    The copy goes first: whatever ends this early, the record leads to it again. The payload goes last, so that no reader
    finds a record without it.

    Raises:
        CorruptResultError: what lies there is no record at all, and somebody else's. A damaged one is removed, and so
            is one that is not believed; its payload is left to `gc`.
        StorageError: the storage failed.
    """
    try:
        record = found(storage, key, label=label, policy=policy)
    except UntrustedResultError:
        boundary.delete(storage, key)  # forged, it may name the payload of another
        return
    except CorruptResultError:
        if not records.is_ours(boundary.get(storage, key)):
            raise
        # Which payload was its own, it cannot say any more; what another key's record says is no matter of this one.
        boundary.delete(storage, key)
        return
    if record is None:
        return
    copies.remove(storage, record)
    boundary.delete(storage, key)
    if record.path is not None and not is_shared(storage, record, label=label, policy=policy):
        boundary.delete(storage, record.path)


def is_shared(storage: Storage, record: Record, /, *, label: str, policy: Policy) -> bool:
    """Whether another record names the payload as well; one that is damaged may, once it has been restored."""
    if record.also is None:
        return False
    try:
        other = found(storage, record.also, label=label, policy=policy)
    except (CorruptResultError, UntrustedResultError):
        return True
    return other is not None and other.path == record.path
