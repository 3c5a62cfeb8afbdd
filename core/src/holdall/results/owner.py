"""Ownership of records: a file may have been moved or restored under another key, and a name written again."""

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
    """Returns the record that was read from `key`, if that is its own key.

    Raises:
        CorruptResultError: It is the record of another key.
    """
    if record.key != key:
        raise CorruptResultError(
            f"{where} is the record of {record.title}, which was written to {record.storage.label}: it has come to lie under "
            "another key, and nothing of it was used. Keys count from the base of the storage that wrote: open that one, or "
            "restore this record from a copy, or delete it so that the result is computed again."
        )
    return record


def of_run(record: Record, run_id: str | None, /, *, label: str) -> Record:
    """Returns the record if the run `run_id` wrote it, or `run_id` is None.

    Raises:
        MissingResultError: Another run has written the name or the entry again.
    """
    if run_id is not None and record.run_id != run_id:
        by = f"the run {record.run_id}" if record.run_id else "somebody who left no run id"
        raise MissingResultError(
            f"The result of the run {run_id} is no longer under {record.title} in {label}: that was written again, by {by}, "
            f"on {record.created}. holdall.load_result(key={record.name or record.key!r}, storage=…) reads what is there now."
        )
    return record


def found(storage: GuardedStorage, key: str, /, *, label: str, policy: Policy = _NO_POLICY) -> Record | None:
    """Reads the record under a key; None if there is none. Without a `policy`, signatures are not checked.

    Raises:
        CorruptResultError: The object is not a record, is damaged, or is the record of another key.
        UntrustedResultError: The policy trusts none of its signers.
    """
    try:
        data = storage.get(key)
    except KeyMissing:
        return None
    where = f"{key} in {label}"
    return at_home(believed(data, policy, where), key, where=where)


def begins_as_record(storage: GuardedStorage, meta: ObjectMeta, /) -> bool:
    """Returns whether an object begins as a record does; reads no more of it, as other programs' files may be large.

    Raises:
        KeyMissing: It is gone.
    """
    stop = min(meta.size, records.HEAD_SIZE)
    return stop > 0 and records.is_ours(storage.get(meta.key, byte_range=ByteRange(0, stop)))


def seen(storage: GuardedStorage, key: str, /) -> ObjectMeta | None:
    """Returns the metadata of an object; None if there is none."""
    try:
        return storage.head(key)
    except KeyMissing:
        return None
