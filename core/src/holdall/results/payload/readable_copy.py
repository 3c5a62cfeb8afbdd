"""The readable copy of a named result's payload: for other tools, under the user's own name; holdall never reads it."""

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
"""More writers of one name in the moment of a copy than there ever are."""


def copy_of(record: Record, /) -> str | None:
    """The key of a result's readable copy; None where it has none."""
    if record.path is None or record.name is not None or is_own(record.key):
        return record.copy
    # Before names had a folder of their own, the record lay under the name, or beside the copy.
    suffix = suffix_of(record.path)
    stem = record.key.removesuffix(".record")
    copy = stem if stem != record.key and stem.endswith(suffix) else record.key + suffix
    return None if is_own(copy) or payload_made_at(copy) is not None else copy


def look(storage: GuardedStorage, record: Record, /) -> ObjectMeta | None:
    """A result's copy, where it has one: of other programs' files, one of that very size is not told apart."""
    copy = copy_of(record)
    if copy is None or record.payload is None:
        return None
    meta = seen(storage, copy)
    return meta if meta is not None and meta.size == record.payload.size else None


def remove(storage: GuardedStorage, record: Record, /) -> bool:
    """Delete a result's copy, and say whether there was one. What another program has put there stays."""
    meta = look(storage, record)
    return meta is not None and storage.delete_unchanged(meta)


def claim(storage: GuardedStorage, key: str, copy: str | None, /, *, label: str) -> str | None:
    """The name of the copy for the record that is about to be written under `key`; an older copy of another name goes.

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
    """Whether a record of before, when names had no folder of their own, lies where a copy would."""
    try:
        return begins_as_record(storage, storage.head(key)) and records.parse(storage.get(key), where=key).key == key
    except (KeyMissing, CorruptResultError):
        return False


def publish(storage: GuardedStorage, key: str, payload: str, copy: str, /, *, label: str) -> None:
    """Make the payload readable as `copy`, for as long as the record under `key` says so.

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
