"""One result from a storage to another: verified on the way, whole or not at all, and not twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from holdall import boundary, copies, transit
from holdall import record as records
from holdall.belonging import at_home
from holdall.checksum import Checksummer, verified
from holdall.errors import CorruptResultError, HoldallError, KeyMissing, MissingResultError, StorageError, told
from holdall.signing import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.keyring import KeyRing
    from holdall.abc.storage import Storage
    from holdall.checksum import Checksum
    from holdall.record import Payload, Record
    from holdall.results import StorageReference
    from holdall.types import Buffer


class Keys(NamedTuple):
    """The signing keys of the place that is copied from, and of the one that is copied to."""

    source: KeyRing | None = None
    target: KeyRing | None = None


_UNSIGNED: Final = Keys()
Outcome = Literal["copied", "there", "newer"]
"""`there`: the target had it already. `newer`: it has a younger result under the key, which was left."""


def transfer(
    record: Record,
    data: bytes,
    source: Storage,
    target: Storage,
    where: StorageReference,
    /,
    *,
    dry_run: bool = False,
    sure: bool = False,
    keys: Keys = _UNSIGNED,
) -> Outcome:
    """Copy a result to `target`: the payload, then its record, which names the place `where`, then its readable copy.

    `data` are the bytes of the record as they lie in `source`. What of it is there already is not sent again, so this
    may be repeated after whatever cut it short: payloads are unique per write, so that one of the right size is the same.
    `keys` are those of the two places: what they demand of the original is checked, and the copy is signed by the other's.
    `sure`, for whoever deletes the original then, reads it to see that it still is. Memory is bounded by what the storages
    hold of a stream.

    Raises:
        UntrustedResultError: the original's signature is not what its place asks for; nothing was copied.
        CorruptResultError: the payload is not what was written; nothing that a reader could find was made of it. Or
            another program's file has the key.
        MissingResultError: the payload is gone.
        StorageError: one of the two failed.
    """
    if keys.source is not None:
        verify(
            data[: -records.SEAL_SIZE], keys=keys.source, where=f"{record.key} in {source.block_slug or source.slug}"
        )
    payload = record.payload
    there = _there(record, target)
    if _is_younger(there, record):
        return "newer"
    # A record that names another payload is of another write, if of the same moment; where it says it lies, is no matter.
    same = there is not None and there.created_at == record.created_at and there.payload == payload
    missing = payload if payload is not None and not _has(target, payload, where.label, sure=sure) else None
    copy = copies.copy_of(record)
    if same and missing is None and (copy is None or copies.is_there(target, record)):
        return "there"
    if not dry_run:
        if missing is not None and missing.path is not None:
            parts = _read(missing, missing.path, source)
            transit.send(target, missing.path, parts, label=where.label, size=missing.size)
            if not same and _is_younger(_there(record, target), record):  # that took its time
                return "newer"  # the payload may have another record; if not, `holdall gc` takes it
        if not same:
            body = _body(record, data, source, where, keys)
            copy = copies.claim(target, record.key, copy, label=where.label)
            boundary.put(target, record.key, [body])
        if copy is not None and record.path is not None:
            copies.publish(target, record.key, record.path, copy, label=where.label)
    return "copied"


def _body(record: Record, data: bytes, source: Storage, where: StorageReference, keys: Keys) -> bytes:
    """The record as it will lie at `where`. As it is where it says so already, and is signed if it has to be."""
    if keys.target is None:
        return data if record.storage == where else records.at(data, where)
    if record.storage == where and keys.source == keys.target:
        return data
    return records.at(data, where, checksum=_stronger(record.payload, source), key=keys.target.current)


def _stronger(payload: Payload | None, source: Storage) -> Checksum | None:
    """Digests that no forger can meet, where the record has others: what is signed for the first time is read once more."""
    if payload is None or payload.path is None or payload.checksum is None or payload.checksum.algorithm == "sha256":
        return None
    through = Checksummer("sha256")
    for _ in through.through(_read(payload, payload.path, source)):
        pass
    return through.checksum()


def _there(record: Record, target: Storage) -> Record | None:
    """What the target has under the key: nothing, or a damaged record, is None."""
    where = f"{record.key} in {target.block_slug or target.slug}"
    try:
        data = boundary.get(target, record.key)
    except KeyMissing:
        return None
    try:
        return at_home(records.parse(data, where=where), record.key, where=where)
    except CorruptResultError:
        if not records.is_ours(data):
            raise
        return None


def _is_younger(there: Record | None, record: Record) -> bool:
    return there is not None and there.created_at > record.created_at


def _has(target: Storage, payload: Payload, name: str, *, sure: bool) -> bool:
    if payload.path is None:
        return True  # inside the record
    try:
        if boundary.head(target, payload.path).size != payload.size:
            return False
        if sure:
            for _ in transit.counted(_read(payload, payload.path, target), f"Checking {name}", payload.size):
                pass
    except (KeyMissing, MissingResultError, CorruptResultError):
        return False
    return True


def _read(payload: Payload, path: str, source: Storage) -> Iterator[Buffer]:
    if payload.checksum is None:
        raise TypeError("a payload that has a path has a checksum")
    where = f"{path} in {source.block_slug or source.slug}"
    try:
        pieces = source.stream(path, chunk=payload.checksum.chunk_size)
        yield from verified(pieces, payload.checksum, size=payload.size, where=where)
    except KeyMissing as error:
        raise MissingResultError(
            f"The payload {where} is gone, though its record is still there: somebody deleted it. Restore it from a "
            "copy, or delete the result."
        ) from error
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins: inside a put, it would be blamed on the other storage
        raise StorageError(
            f"{where} cannot be read: {told(error)}.", block=source.slug, key=path, operation="get"
        ) from error
