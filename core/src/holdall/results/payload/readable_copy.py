"""Readable copy of a named result's payload: for other tools, under the user's own name; holdall never reads it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from holdall.errors import CorruptResultError, KeyMissing
from holdall.results import record as records
from holdall.results.layout import is_own, payload_made_at, suffix_of
from holdall.results.owner import begins_as_record, found, seen

if TYPE_CHECKING:
    from holdall.results.record import Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import ObjectMeta

_LOOKS: Final = 8
"""Tries: more than one name has writers at one time."""


def copy_of(record: Record, /) -> str | None:
    """Returns the key of a result's readable copy; None if it has none."""
    if record.path is None or record.name is not None or is_own(record.key):
        return record.copy
    # Before names had a folder of their own, the record lay under the name, or beside the copy.
    suffix = suffix_of(record.path)
    stem = record.key.removesuffix(".record")
    copy = stem if stem != record.key and stem.endswith(suffix) else record.key + suffix
    return None if is_own(copy) or payload_made_at(copy) is not None else copy


def look(storage: GuardedStorage, record: Record, /) -> ObjectMeta | None:
    """Returns the metadata of a result's copy, if it has one; another program's file of the same size counts as one."""
    copy = copy_of(record)
    if copy is None or record.payload is None:
        return None
    meta = seen(storage, copy)
    return meta if meta is not None and meta.size == record.payload.size else None


def remove(storage: GuardedStorage, record: Record, /) -> bool:
    """Deletes a result's copy; returns whether there was one. Another program's file stays."""
    meta = look(storage, record)
    return meta is not None and storage.delete_unchanged(meta)


def claim(storage: GuardedStorage, key: str, copy: str | None, /, *, label: str) -> str | None:
    """Returns the key of the copy for the record about to be written under `key`; deletes an older copy of another name.

    That happens before the record is replaced, so that whatever ends this early, the record that lies there leads to what
    copy there is. None where a record of before, when names had no folder of their own, lies under the copy's name.
    """
    try:
        before = found(storage, key, label=label)
    except CorruptResultError:
        before = None  # it does not say what its copy is called
    if before is not None and copy_of(before) == copy:
        return copy
    if before is not None:
        remove(storage, before)
    return None if copy is not None and _is_record(storage, copy) else copy


def _is_record(storage: GuardedStorage, key: str) -> bool:
    """Returns whether an old record, of when names had no folder of their own, has the key of a copy."""
    try:
        return begins_as_record(storage, storage.head(key)) and records.parse(storage.get(key), where=key).key == key
    except (KeyMissing, CorruptResultError):
        return False


def publish(storage: GuardedStorage, key: str, payload: str, copy: str, /, *, label: str) -> None:
    """Publishes the payload as `copy`, if the record under `key` still names it.

    Whoever writes or deletes the result meanwhile does the same with the copy, perhaps before this does: whatever comes
    last looks last, so that no copy of an older value stays.

    Raises:
        StorageError: the storage did not take the copy; the result is there all the same.
    """
    for _ in range(_LOOKS):
        with suppress(KeyMissing):  # the result was deleted or replaced, and its payload with it
            storage.publish(payload, copy)
        try:
            now = found(storage, key, label=label)
        except CorruptResultError:
            return
        if now is None or copy_of(now) != copy or now.path is None:
            storage.delete(copy)
            return
        if now.path == payload:
            return
        payload = now.path
