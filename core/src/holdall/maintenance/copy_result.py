"""One result from a storage to another: verified on the way, whole or not at all, and not twice."""

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
from holdall.results import record as records
from holdall.results.checksum import Checksummer, verified
from holdall.results.owner import at_home
from holdall.results.payload import readable_copy
from holdall.security.signing import split, verify
from holdall.storage import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.signature import Signers
    from holdall.results.checksum import Checksum
    from holdall.results.record import Payload, Record
    from holdall.storage.guard import GuardedStorage
    from holdall.types import Buffer, StorageReference


class Keys(NamedTuple):
    """The signers of the place that is copied from, and of the one that is copied to.

    With `unsigned`, what is not signed is taken, and signed where the target has a key.
    """

    source: Signers | None = None
    target: Signers | None = None
    unsigned: bool = False


_SENDS: Final = 3
_YOUNG: Final = 60.0  # seconds: what is this young, no `gc` takes for garbage
_STILL_YOUNG: Final = 3600.0  # the same, where another record at the target leads to it already
Outcome = Literal["copied", "there", "newer"]
"""`there`: the target had it already. `newer`: it has a younger result under the key, which was left."""


class Job:
    """What holds for many results on one way, and which payloads have been sent on it.

    `keys` are those of the two places: what they demand of the original is checked, and the copy is signed by the other's.
    `sure`, for whoever deletes the original then, reads a copy that was there before to see that it still is one.
    """

    def __init__(self, *, keys: Keys | None = None, dry_run: bool = False, sure: bool = False) -> None:
        self.keys = keys or Keys()
        self.dry_run = dry_run
        self.sure = sure
        self._lock = threading.Lock()
        self._sent: dict[str, tuple[threading.Lock, list[Since]]] = {}

    def once(self, path: str, send: Callable[[], None], /) -> None:
        """Call `send`, unless that was done for this payload not long ago; whoever comes meanwhile waits for it."""
        with self._lock:
            lock, done = self._sent.setdefault(path, (threading.Lock(), []))
        with lock:
            if not done or done[-1].seconds > _STILL_YOUNG:
                send()
                done[:] = [Since.now()]

    def again(self, path: str, /) -> None:
        """Let the payload be sent the next time, whoever has done that."""
        with self._lock:
            self._sent.pop(path, None)


def transfer(
    record: Record,
    data: bytes,
    source: GuardedStorage,
    target: GuardedStorage,
    where: StorageReference,
    job: Job,
    /,
) -> Outcome:
    """Copy a result to `target`: the payload, then its record, which names the place `where`, then its readable copy.

    `data` are the bytes of the record as they lie in `source`. What is there already, record and payload, is not sent
    again, so this may be repeated after whatever cut it short: payloads are unique per write, so that one of the right
    size is the same. A payload that lies there without this record is sent again, which makes it young: `holdall gc` may
    be about to remove it. Memory is bounded by what the storages hold of a stream.

    Raises:
        UntrustedResultError: the original's signature is not what its place asks for; nothing was copied.
        ConfigurationError: the target asks for a signature, and there is no key here to make one; nothing was copied.
        CorruptResultError: the payload is not what was written; nothing that a reader could find was made of it. Or
            another program's file has the key.
        MissingResultError: the payload is gone.
        StorageError: one of the two failed.
    """
    _check(record, data, source, where, job.keys)
    payload = record.payload
    there = _there(record, target)
    if _is_younger(there, record):
        return "newer"
    # A record that names another payload is of another write, if of the same moment; where it says it lies, is no matter.
    same = there is not None and there.created_at == record.created_at and there.payload == payload
    there_too = same and (payload is None or _has(target, payload, where.label, sure=job.sure))
    copy = readable_copy.copy_of(record)
    if there_too and (copy is None or readable_copy.look(target, record) is not None):
        return "there"
    if not job.dry_run:
        if not there_too:
            body = _body(record, data, source, where, job.keys)
            sending = _Sending(record, source, target, where.label, job)
            if not sending.write(body):
                return "newer"
            copy = sending.copy
        if copy is not None and record.path is not None:
            readable_copy.publish(target, record.key, record.path, copy, label=where.label)
    return "copied"


def _check(record: Record, data: bytes, source: GuardedStorage, where: StorageReference, keys: Keys) -> None:
    """What the source demands of a record, and whether the target will have a signature; see `transfer`."""
    if keys.source is not None:
        lies = f"{record.key} in {source.block_slug or source.slug}"
        verify(data[: -records.SEAL_SIZE], keys=keys.source, where=lies, unsigned=keys.unsigned)
    if keys.target is not None and keys.target.current is None and not _stays(record, data, where, keys):
        raise ConfigurationError(
            f"{record.key} cannot be copied to {where.label}: a copy is signed anew, and there is no key to sign with, though "
            "signed results only are taken there. Set HOLDALL_SIGNING_KEY."
        )


class _Sending:
    """A result on its way: its payload, after it its record; then `copy` is the name that its readable copy has there."""

    def __init__(self, record: Record, source: GuardedStorage, target: GuardedStorage, label: str, job: Job) -> None:
        self.record = record
        self.source = source
        self.target = target
        self.label = label
        self.job = job
        self.copy = readable_copy.copy_of(record)
        self._is_claimed = False

    def write(self, body: bytes) -> bool:
        """Write both; False where the target got a younger record meanwhile.

        When this returns, the payload is there, and was young when its record was written.

        Raises:
            StorageError: somebody deletes it again and again.
        """
        payload = self.record.payload
        if payload is None or payload.path is None:
            return self._record(body)
        for remaining in reversed(range(_SENDS)):
            self.job.once(payload.path, partial(self._payload, payload, payload.path))
            since = Since.now()
            if not self._record(body):
                return False  # the payload may have another record; if not, `holdall gc` takes it
            late = since.seconds > _YOUNG and remaining
            if not late and _has(self.target, payload, self.label, sure=False):
                return True
            self.job.again(payload.path)
        raise StorageError(
            f"The payload {payload.path} was deleted from {self.label} each time that it had been written there. See "
            "whether a `holdall gc` runs there with a --grace of seconds.",
            block=self.target.slug,
            key=payload.path,
            operation="put",
            transient=True,
        )

    def _payload(self, payload: Payload, path: str) -> None:
        progress.send(self.target, path, _read(payload, path, self.source), label=self.label, size=payload.size)

    def _record(self, body: bytes) -> bool:
        if _is_younger(_there(self.record, self.target), self.record):  # sending took its time
            return False
        if not self._is_claimed:
            self.copy = readable_copy.claim(self.target, self.record.key, self.copy, label=self.label)
            self._is_claimed = True
        self.target.put(self.record.key, [body])
        return True


def _body(record: Record, data: bytes, source: GuardedStorage, where: StorageReference, keys: Keys) -> bytes:
    """The record as it will lie at `where`. As it is where it says so already, and is signed if it has to be."""
    if _stays(record, data, where, keys):
        return data
    if keys.target is None:
        return records.at(data, where)
    return records.at(data, where, checksum=_stronger(record.payload, source), key=keys.target.current)


def _stays(record: Record, data: bytes, where: StorageReference, keys: Keys) -> bool:
    """Whether the record lies at the target byte for byte as it does here."""
    if record.storage != where or keys.target is None:
        return record.storage == where
    is_signed = split(data[: -records.SEAL_SIZE])[1] is not None
    return is_signed and keys.source is keys.target


def _stronger(payload: Payload | None, source: GuardedStorage) -> Checksum | None:
    """Digests that no forger can meet, where the record has others: what is signed for the first time is read once more."""
    if payload is None or payload.path is None or payload.checksum is None or payload.checksum.algorithm == "sha256":
        return None
    through = Checksummer("sha256")
    for _ in through.through(_read(payload, payload.path, source)):
        pass
    return through.checksum()


def _there(record: Record, target: GuardedStorage) -> Record | None:
    """What the target has under the key: nothing, or a damaged record, is None."""
    where = f"{record.key} in {target.block_slug or target.slug}"
    try:
        data = target.get(record.key)
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


def _has(target: GuardedStorage, payload: Payload, name: str, *, sure: bool) -> bool:
    if payload.path is None:
        return True  # inside the record
    try:
        if target.head(payload.path).size != payload.size:
            return False
        if sure:
            for _ in progress.counted(_read(payload, payload.path, target), f"Checking {name}", payload.size):
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
