"""Copies one result to another storage: verified on the way, whole or not at all, and not twice."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from holdall._system.elapsed import Since
from holdall.errors import (
    ConfigurationError,
    CorruptResultError,
    KeyMissing,
    MissingResultError,
    StorageError,
)
from holdall.results.checksum import Checksummer, verified
from holdall.results.owner import at_home
from holdall.results.payload import readable_copy
from holdall.results.record import SEAL_SIZE, at, is_ours, parse
from holdall.security.signing import split, verify
from holdall.storage import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.signature import Signers
    from holdall.results.checksum import Checksum
    from holdall.results.record import Payload, Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import Buffer, StorageReference


class CopySigners(NamedTuple):
    """Signers of the source and of the target.

    With `unsigned`, unsigned records are copied as well, and signed if the target has a key.
    """

    source: Signers | None = None
    target: Signers | None = None
    unsigned: bool = False


_SENDS: Final = 3
_YOUNG: Final = 60.0  # seconds: no `gc` deletes an object of this age as garbage
_STILL_YOUNG: Final = 3600.0  # the same, where another record at the target names it already
CopyOutcome = Literal["copied", "there", "newer"]
"""`there`: the target had it already. `newer`: it has a younger result under the key, which was left."""


class CopyContext:
    """State that the copies of many results share: options, signers, and which payloads have been sent.

    The source's signers verify the original, the target's sign the copy. `thorough`, for a caller that deletes the
    original afterwards, reads a copy that was there before and verifies it. `progress` is whether long transfers show a bar.
    """

    def __init__(
        self,
        *,
        signers: CopySigners | None = None,
        dry_run: bool = False,
        thorough: bool = False,
        progress: bool = False,
    ) -> None:
        self.signers = signers or CopySigners()
        self.dry_run = dry_run
        self.thorough = thorough
        self.progress = progress
        self._lock = threading.Lock()
        self._sent: dict[str, tuple[threading.Lock, list[Since]]] = {}

    def once(self, path: str, send: Callable[[], None], /) -> None:
        """Calls `send` unless this payload was sent not long ago; a second caller waits for the first."""
        with self._lock:
            lock, done = self._sent.setdefault(path, (threading.Lock(), []))
        with lock:
            if not done or done[-1].seconds > _STILL_YOUNG:
                send()
                done[:] = [Since.now()]

    def reset(self, path: str, /) -> None:
        """Forgets that the payload was sent, so that `once` sends it again."""
        with self._lock:
            self._sent.pop(path, None)


def copy_result(
    record: Record,
    data: bytes,
    source: GuardedStorage,
    target: GuardedStorage,
    reference: StorageReference,
    context: CopyContext,
    /,
) -> CopyOutcome:
    """Copies a result: first the payload, then its record, then its readable copy.

    What the target has already, record and payload, is not sent again, so an interrupted copy may be repeated: payloads
    are unique per write, so that one of the right size is the same. A payload that lies there without this record is
    sent again, which makes it young: `holdall gc` may be about to delete it. Memory is bounded by what the storages
    buffer of a stream.

    Args:
        record: The record as it was read.
        data: Its bytes in the source.
        source: The storage to read from.
        target: The storage to write to.
        reference: The storage that the copied record names.
        context: Options and state of the job.

    Raises:
        UntrustedResultError: the original's signature is not what the source demands; nothing was copied.
        ConfigurationError: the target demands a signature, and there is no key here to make one; nothing was copied.
        CorruptResultError: the payload differs from what was written; no reader can find any of its copy. Or another
            program's file has the key.
        MissingResultError: the payload is gone.
        StorageError: one of the two failed.
    """
    _check_signatures(record, data, source, reference, context.signers)
    payload = record.payload
    existing = _existing_record(record, target)
    if _is_younger(existing, record):
        return "newer"
    # Another payload means another write, even at the same moment. The storage that the record names does not count.
    is_same = existing is not None and existing.created_at == record.created_at and existing.payload == payload
    is_there = is_same and (
        payload is None or _has_payload(target, payload, reference.label, read_by=context if context.thorough else None)
    )
    copy = readable_copy.copy_of(record)
    if is_there and (copy is None or readable_copy.look(target, record) is not None):
        return "there"
    if not context.dry_run:
        if not is_there:
            body = _record_bytes(record, data, source, reference, context.signers)
            upload = _Upload(record, source, target, reference.label, context)
            if not upload.write(body):
                return "newer"
            copy = upload.copy
        if copy is not None and record.path is not None:
            readable_copy.publish(target, record.key, record.path, copy, label=reference.label)
    return "copied"


def _check_signatures(
    record: Record, data: bytes, source: GuardedStorage, reference: StorageReference, signers: CopySigners
) -> None:
    """Verifies the original as the source demands, and raises if the copy could not be signed; see `copy_result`."""
    if signers.source is not None:
        place = f"{record.key} in {source.block_slug or source.slug}"
        verify(data[:-SEAL_SIZE], keys=signers.source, where=place, unsigned=signers.unsigned)
    if (
        signers.target is not None
        and signers.target.current is None
        and not _is_unchanged(record, data, reference, signers)
    ):
        raise ConfigurationError(
            f"{record.key} cannot be copied to {reference.label}: a copy is signed anew, and there is no key to sign with, "
            "though signed results only are taken there. Set HOLDALL_SIGNING_KEY."
        )


class _Upload:
    """Upload of one result: its payload, then its record. `copy` is the name of its readable copy at the target."""

    def __init__(
        self, record: Record, source: GuardedStorage, target: GuardedStorage, label: str, context: CopyContext
    ) -> None:
        self.record = record
        self.source = source
        self.target = target
        self.label = label
        self.context = context
        self.copy = readable_copy.copy_of(record)
        self._is_claimed = False

    def write(self, body: bytes) -> bool:
        """Writes payload and record; returns False if the target got a younger record meanwhile.

        When this returns, the payload is there, and was young when its record was written.

        Raises:
            StorageError: another process deletes the payload again and again.
        """
        payload = self.record.payload
        if payload is None or payload.path is None:
            return self._write_record(body)
        for remaining in reversed(range(_SENDS)):
            self.context.once(payload.path, partial(self._send_payload, payload, payload.path))
            since = Since.now()
            if not self._write_record(body):
                return False  # the payload may have another record; if not, `holdall gc` deletes it
            late = since.seconds > _YOUNG and remaining
            if not late and _has_payload(self.target, payload, self.label, read_by=None):
                return True
            self.context.reset(payload.path)
        raise StorageError(
            f"The payload {payload.path} was deleted from {self.label} each time that it had been written there. See "
            "whether a `holdall gc` runs there with a --grace of seconds.",
            block=self.target.slug,
            key=payload.path,
            operation="put",
            transient=True,
        )

    def _send_payload(self, payload: Payload, path: str) -> None:
        parts = _read(payload, path, self.source)
        progress.send(self.target, path, parts, label=self.label, size=payload.size, enabled=self.context.progress)

    def _write_record(self, body: bytes) -> bool:
        if _is_younger(_existing_record(self.record, self.target), self.record):  # sending took time
            return False
        if not self._is_claimed:
            self.copy = readable_copy.claim(self.target, self.record.key, self.copy, label=self.label)
            self._is_claimed = True
        self.target.put(self.record.key, [body])
        return True


def _record_bytes(
    record: Record, data: bytes, source: GuardedStorage, reference: StorageReference, signers: CopySigners
) -> bytes:
    """Builds the record's bytes for the target: those of the source if they name it already and need no new signature."""
    if _is_unchanged(record, data, reference, signers):
        return data
    if signers.target is None:
        return at(data, reference)
    return at(data, reference, checksum=_sha256_checksum(record.payload, source), key=signers.target.current)


def _is_unchanged(record: Record, data: bytes, reference: StorageReference, signers: CopySigners) -> bool:
    """Whether the target gets the record byte for byte as the source has it."""
    if record.storage != reference or signers.target is None:
        return record.storage == reference
    is_signed = split(data[:-SEAL_SIZE])[1] is not None
    return is_signed and signers.source is signers.target


def _sha256_checksum(payload: Payload | None, source: GuardedStorage) -> Checksum | None:
    """Reads a payload whose record has weaker digests and returns its SHA-256: a signature must bind its bytes."""
    if payload is None or payload.path is None or payload.checksum is None or payload.checksum.algorithm == "sha256":
        return None
    checksummer = Checksummer("sha256")
    for _ in checksummer.through(_read(payload, payload.path, source)):
        pass
    return checksummer.checksum()


def _existing_record(record: Record, target: GuardedStorage) -> Record | None:
    """Reads the target's record under the same key; None if there is none or it is damaged."""
    where = f"{record.key} in {target.block_slug or target.slug}"
    try:
        data = target.get(record.key)
    except KeyMissing:
        return None
    try:
        return at_home(parse(data, where=where), record.key, where=where)
    except CorruptResultError:
        if not is_ours(data):
            raise
        return None


def _is_younger(existing: Record | None, record: Record) -> bool:
    return existing is not None and existing.created_at > record.created_at


def _has_payload(target: GuardedStorage, payload: Payload, label: str, *, read_by: CopyContext | None) -> bool:
    if payload.path is None:
        return True  # inside the record
    try:
        if target.head(payload.path).size != payload.size:
            return False
        if read_by is not None:
            parts = _read(payload, payload.path, target)
            for _ in progress.counted(parts, f"Checking {label}", payload.size, enabled=read_by.progress):
                pass
    except (KeyMissing, MissingResultError, CorruptResultError):
        return False
    return True


def _read(payload: Payload, path: str, source: GuardedStorage) -> Iterator[Buffer]:
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
