"""Inventory of a storage: its records, damaged records, and the files of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from holdall.errors import CorruptResultError, KeyMissing, StorageError
from holdall.results import record as records
from holdall.results.layout import is_lock, is_own, payload_made_at
from holdall.results.owner import at_home, begins_as_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from holdall.results.record import Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import ObjectMeta

_T = TypeVar("_T")

Kind = Literal["record", "damaged", "unreadable", "foreign"]


class Track(Protocol):
    """Yields the items that it is given, and may show the progress."""

    def __call__(self, items: Sequence[_T], what: str, /) -> Iterable[_T]: ...


def untracked(items: Sequence[_T], what: str, /) -> Iterable[_T]:
    """Returns the items; shows no progress."""
    del what
    return items


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object that is neither payload nor lease; `data` are its bytes if it is or was a record.

    `damaged` was a record, or is one of a newer holdall, or that of another key. `unreadable` cannot be read from the
    storage, and may be a record. `problem` says in a sentence why it is not a `record`.
    """

    kind: Kind
    meta: ObjectMeta
    record: Record | None = None
    data: bytes = b""
    problem: str = ""


def objects(storage: GuardedStorage, /) -> Iterator[ObjectMeta]:
    """Yields every object but payloads and leases, in key order, as the storage lists it.

    Raises:
        StorageError: The storage cannot be listed or reached.
    """
    return (meta for meta in storage.scan() if payload_made_at(meta.key) is None and not is_lock(meta.key))


def inventory(
    storage: GuardedStorage,
    label: str,
    /,
    *,
    track: Track = untracked,
    only: Callable[[ObjectMeta], bool] = lambda _: True,
) -> Iterator[Entry]:
    """Yields what is in a storage, read one by one: every object but payloads and leases, in key order.

    Objects that are deleted meanwhile are left out. `only` decides by an object's listing whether it is read.

    Raises:
        StorageError: The storage cannot be listed or reached.
    """
    for meta in track(list(filter(only, objects(storage))), f"Reading {label}"):
        try:
            yield look(storage, meta, label)
        except KeyMissing:
            continue


def look(storage: GuardedStorage, meta: ObjectMeta, label: str, /) -> Entry:
    """Reads one object and classifies it.

    Raises:
        KeyMissing: It is gone.
        StorageError: The storage cannot be reached.
    """
    own = is_own(meta.key)
    where = f"{meta.key} in {label}"
    try:
        # Elsewhere lie copies for other tools and other programs' files.
        if not own and not begins_as_record(storage, meta):
            return Entry(kind="foreign", meta=meta, problem=f"{where} is no record.")
        data = bytes(storage.get(meta.key))
        record = records.parse(data, where=where)
    except KeyMissing:
        raise
    except StorageError as error:
        if error.transient:
            raise
        return Entry(kind="unreadable", meta=meta, problem=str(error))
    except CorruptResultError as error:
        return Entry(kind="damaged", meta=meta, data=data, problem=str(error))
    try:
        at_home(record, meta.key, where=where)
    except CorruptResultError as error:
        # Elsewhere it is a copy that a user made; under the key of another record, it has replaced that one.
        return Entry(kind="damaged" if own else "foreign", meta=meta, record=record, data=data, problem=str(error))
    return Entry(kind="record", meta=meta, record=record, data=data)
