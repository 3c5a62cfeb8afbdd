"""Writes the payload of one result: inside the record if it is small, else as an object of its own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall._system.elapsed import NEVER, Since
from holdall.errors import HoldallError, MissingResultError, SerializationError, StorageError, describe_error
from holdall.results import record as records
from holdall.results.checksum import Checksummer
from holdall.results.layout import payload_key
from holdall.results.payload import roundtrip
from holdall.results.payload.reader import PayloadSource
from holdall.serialization.sources import MemorySource
from holdall.storage import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from holdall.abc.codec import Codec
    from holdall.abc.signature import Signer
    from holdall.security.policy import Policy
    from holdall.storage.guard import GuardedStorage
    from holdall.types import Buffer, Parts


_LATE: Final = 1.0  # seconds from a payload to its record: a writer that needs more was stopped, or its storage is slow
_YOUNG: Final = 60.0  # seconds: what is this young, no `gc` takes for garbage


class Written(NamedTuple):
    """A payload that is in its storage, or is about to be as a part of its record.

    `member` is its JSON in the record. `path` is None if it is inlined; `size` is in bytes. `given` is when the storage
    had all of its bytes, `taken` when it confirmed them, or when they were read back.
    """

    codec: Codec
    written_with: Mapping[str, str]
    member: str
    path: str | None
    size: int
    given: Since | None = None
    taken: Since | None = None

    def is_doubtful(self, storage: GuardedStorage, /) -> bool:
        """Returns whether `holdall gc` may have deleted the payload, or be about to, as no record names it yet.

        The storage is not asked right after the write. A writer that was stopped in between (SIGSTOP, a machine that
        slept) cannot know what a `gc` is about to do; one that was slow in writing asks the storage.
        """
        return (self.taken is not None and self.taken.seconds > _LATE) or self.is_gone(storage)

    def is_gone(self, storage: GuardedStorage, /) -> bool:
        """Returns whether the payload is gone; does not ask the storage if there was no time for that."""
        if self.path is None or self.given is None or self.given.seconds <= _LATE:
            return False
        return not storage.exists(self.path)

    @property
    def is_old(self) -> bool:
        """Whether its record came so late that a `gc` that had listed the storage before may still delete it."""
        return self.taken is not None and self.taken.seconds > _YOUNG


def write(
    value: Any,
    codec: Codec,
    storage: GuardedStorage,
    /,
    *,
    inline: bool,
    label: str,
    policy: Policy,
    show_progress: bool,
) -> Written:
    """Serialises a value, and writes its payload if it is too large for a record.

    Raises:
        SerializationError: The value cannot be serialised; it is on the error.
        StorageError: The storage failed.
    """
    try:
        codec, dumped = codec.dump_as(value)
        parts = dumped
        due = roundtrip.is_due(codec, value, policy)
        if inline:
            small, parts = _small(dumped, storage.inline_limit)
            if small is not None:
                form, data = records.inline_form(small, codec.media_type)
                member = (
                    f'{{"size":{len(small)},{_declared(codec, dumped)}"media_type":"{codec.media_type}",'
                    f'"inline":"{form}"}},"data":{data.decode()}'
                )
                noted = roundtrip.check(codec, value, MemorySource(small, roundtrip.TRUST), policy) if due else {}
                return Written(codec, _noted(codec.written_with(dumped), noted), member, None, len(small))
        path = payload_key(codec.suffix)
        given = [Since.now()]
        through = Checksummer("xxh3_64" if policy.signing is None else "sha256")
        streamed = parts if isinstance(parts, list) else _streamed(parts, codec.slug)
        known = sum(map(_nbytes, parts)) if isinstance(parts, list) else None
        sent = _timed(through.through(streamed), given)
        progress.send(storage, path, sent, label=label, size=known, enabled=show_progress)
        taken = Since.now()
        declared = _declared(codec, dumped)
    except SerializationError as error:
        error.value = value
        raise
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins: whatever else a codec raises is no error of the storage
        raise SerializationError(
            f"The {codec.slug} serializer cannot write a {type(value).__qualname__}: {describe_error(error)}.",
            value=value,
        ) from error
    checksum = through.checksum()
    noted = {}
    if due and (policy.verify == "always" or through.size <= roundtrip.LARGEST_SAMPLE):
        source = PayloadSource(storage, path, through.size, checksum, roundtrip.TRUST)
        try:
            noted = roundtrip.check(codec, value, source, policy)
        except SerializationError:
            discard(storage, path)
            raise
        except MissingResultError:  # gone already
            taken = NEVER
        if taken.seconds < _YOUNG:
            taken = Since.now()  # what took its time was the reading, and `given` still says so
    member = (
        f'{{"size":{through.size},{declared}"media_type":"{codec.media_type}","path":"{path}",'
        f'"checksum":{checksum.json()}}}'
    )
    return Written(codec, _noted(codec.written_with(dumped), noted), member, path, through.size, given[-1], taken)


def commit(
    storage: GuardedStorage,
    draft: Callable[..., str],
    addresses: list[tuple[str, str]],
    path: str | None,
    key: Signer | None,
    /,
) -> None:
    """Writes a result's records: `draft` is `record.body` without its `key` and `belongings`, which `addresses` has.

    They are signed with the `key`, if any. If the first cannot be written, the payload at `path` is deleted.

    Raises:
        StorageError: The storage failed.
    """
    for each, belongings in addresses:
        body = draft(key=each, belongings=belongings).encode()
        try:
            storage.put(each, [records.seal(body, key)])
        except StorageError:
            if path is not None and each == addresses[0][0]:
                discard(storage, path)
            raise


def _declared(codec: Codec, parts: Parts) -> str:
    size = codec.decoded_size(parts)
    return "" if size is None else f'"decoded":{size:d},'


def discard(storage: GuardedStorage, path: str | None, /) -> None:
    """Deletes a payload that no record names; if that fails, it is left to `gc`."""
    if path is not None:
        with suppress(StorageError):  # the storage is in trouble already, and says so
            storage.delete(path)


def _streamed(parts: Parts, serializer: str) -> Iterator[Buffer]:
    """Yields the parts; an error of the serializer is raised as such, not as one of the storage that iterates."""
    try:
        yield from parts
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins: a serializer
        raise SerializationError(
            f"The {serializer} serializer cannot write this result: {describe_error(error)}."
        ) from error


def _timed(parts: Iterator[Buffer], given: list[Since]) -> Iterator[Buffer]:
    yield from parts
    given.append(Since.now())


def _noted(written_with: Mapping[str, str], noted: Mapping[str, str]) -> Mapping[str, str]:
    return {**written_with, **noted} if noted else written_with


def _small(parts: Parts, limit: int) -> tuple[bytes | None, Parts]:
    """Returns all bytes if they fit the limit, else None; and the parts, complete."""
    if isinstance(parts, list):
        if sum(map(_nbytes, parts)) <= limit:
            return b"".join(parts) if len(parts) != 1 else bytes(parts[0]), parts
        return None, parts
    taken: list[Buffer] = []
    size = 0
    stream = iter(parts)
    for part in stream:
        taken.append(part)
        size += _nbytes(part)
        if size > limit:
            return None, _chained(taken, stream)
    return b"".join(taken), taken


def _chained(taken: list[Buffer], stream: Iterator[Buffer]) -> Iterator[Buffer]:
    yield from taken
    yield from stream


def _nbytes(part: Buffer) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)
