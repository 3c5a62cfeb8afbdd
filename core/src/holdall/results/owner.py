"""Whose record it is that lies under a key: files get exchanged, copied and restored, and names written again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdall.errors import CorruptResultError, KeyMissing, MissingResultError
from holdall.results import record as records
from holdall.results.policy import believed
from holdall.security.policy import Policy
from holdall.types import ByteRange

if TYPE_CHECKING:
    from holdall.results.record import Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import ObjectMeta

_NO_POLICY: Final = Policy()


def at_home(record: Record, key: str, /, *, where: str) -> Record:
    """The record, which was read from `key`, if that is its own key.

    Raises:
        CorruptResultError: it is the record of another key.
    """
    if record.key != key:
        raise CorruptResultError(
            f"{where} is the record of {record.title}, which was written to {record.storage.label}: it has come to lie under "
            "another key, and nothing of it was used. Keys count from the base of the storage that wrote: open that one, or "
            "restore this record from a copy, or delete it so that the result is computed again."
        )
    return record


def of_run(record: Record, run_id: str | None, /, *, label: str) -> Record:
    """The record, if that run has made it; any will do for None.

    Raises:
        MissingResultError: another run has written the name or the entry again.
    """
    if run_id is not None and record.run_id != run_id:
        by = f"the run {record.run_id}" if record.run_id else "somebody who left no run id"
        raise MissingResultError(
            f"The result of the run {run_id} is no longer under {record.title} in {label}: that was written again, by {by}, "
            f"on {record.created}. holdall.load_result(key={record.name or record.key!r}, storage=…) reads what is there now."
        )
    return record


def found(storage: GuardedStorage, key: str, /, *, label: str, policy: Policy = _NO_POLICY) -> Record | None:
    """The record that lies under its own key; None where nothing does. Without a `policy`, whoever signed it.

    Raises:
        CorruptResultError: what lies there is no record, a damaged one, or another key's.
        UntrustedResultError: the policy believes nobody who has signed it.
    """
    try:
        data = storage.get(key)
    except KeyMissing:
        return None
    where = f"{key} in {label}"
    return at_home(believed(data, policy, where), key, where=where)


def begins_as_record(storage: GuardedStorage, meta: ObjectMeta, /) -> bool:
    """Whether an object starts as a record does, of which only that much is read: other programs' files may be large.

    Raises:
        KeyMissing: it is gone.
    """
    stop = min(meta.size, records.HEAD_SIZE)
    return stop > 0 and records.is_ours(storage.get(meta.key, byte_range=ByteRange(0, stop)))


def seen(storage: GuardedStorage, key: str, /) -> ObjectMeta | None:
    """What the storage says of an object; None where there is none."""
    try:
        return storage.head(key)
    except KeyMissing:
        return None
