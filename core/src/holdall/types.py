"""Values that interfaces exchange: buffers, ranges, metadata of objects, rows of the catalog, calls, references."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from holdall.errors import SerializationError
from holdall.security.redact import masked
from holdall.security.trust import CALLS as CALLS  # noqa: PLC0414 - public here, as the next one
from holdall.security.trust import Trust as Trust  # noqa: PLC0414, TC001 - pickles name it here

if TYPE_CHECKING:
    from holdall.abc.storage import Storage

Buffer: TypeAlias = bytes | bytearray | memoryview
Parts: TypeAlias = Iterable[Buffer]
"""The bytes of one object, in order. A list lies in memory, a generator streams; either is read once."""

WriteMode: TypeAlias = Literal["overwrite", "create"]

OnFailure: TypeAlias = Literal["raise", "spool", "run"]
"""Failure policy of a storage. A result that it does not take is written to the local spool in any case.

`raise`: the run fails. `spool`: it goes on if a result is not taken. `run`: also if a cache cannot be read.
"""


class Unset(Enum):
    """Type of `UNSET`, the default of options that may be None; an enum member survives pickling."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class ByteRange(NamedTuple):
    """Range of bytes from `start` to `stop`, which is not included; None means to the end."""

    start: int
    stop: int | None = None


class ObjectMeta(NamedTuple):
    """Metadata of a stored object, known without reading it. `modified` is in seconds since the epoch."""

    key: str
    size: int
    etag: str | None = None
    modified: float | None = None

    def is_same(self, other: ObjectMeta, /) -> bool:
        """Returns whether both describe the same write of the same object, as far as either says.

        Listings and heads of one storage may have times of different precision, which an equal etag makes up for. If a
        storage has neither, only sizes are compared; in other doubts the answer is no.
        """
        if (self.key, self.size) != (other.key, other.size):
            return False
        etags = self.etag is not None and other.etag is not None
        if etags and self.etag != other.etag:
            return False
        if self.modified is None or other.modified is None:
            return etags or self[2:] == other[2:] == (None, None)
        return abs(self.modified - other.modified) < 1 if etags else self.modified == other.modified


class Source(Protocol):
    """Bytes of a payload for a serializer, each checked against the checksums of the record."""

    @property
    def trust(self) -> Trust: ...
    @property
    def size(self) -> int: ...
    def buffer(self) -> Buffer:
        """Returns all bytes; writable and private to the caller if that costs the storage no other copy."""
        ...

    def read_range(self, start: int, stop: int, /) -> Buffer: ...
    def open(self) -> IO[bytes]:
        """Returns a seekable, readable binary file."""
        ...


class RunRow(NamedTuple):
    """Row of the catalog for one run of a task or flow. Times are seconds since the epoch.

    `result` is the JSON of a `ResultLiteral` or a `ResultReference`, or None if no result was stored; `cached` says that
    the body did not run. The last row written for an `id` wins.
    """

    id: str
    kind: Literal["task", "flow"]
    name: str
    function: str
    flow_run_id: str | None
    parent_run_id: str | None
    state: str
    message: str | None
    started: float
    ended: float | None
    attempts: int
    result: str | None
    cached: bool


class ReferenceRow(NamedTuple):
    """Row of the catalog for one stored result. `storage` is the slug of its storage, or a digest of the location."""

    storage: str
    key: str
    reference: str
    """The JSON of the `ResultReference`."""
    run_id: str | None
    name: str | None
    size: int
    created: float
    expires: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDocument:
    """Saved block: its plain fields as they are, its secret fields encrypted by the caller and not by the catalog."""

    slug: str
    type: str
    fields: Mapping[str, Any]
    secrets: str | None = None
    """Encrypted JSON of the secret fields, as ASCII; None if there are no such fields."""
    created: float = 0.0


class Secrets:
    """Secret values of the storages of a call, on their way to its worker: never shown, and never pickled."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Mapping[str, Any]] | None = None, /) -> None:
        self._values = {} if values is None else dict(values)

    def reveal(self) -> dict[str, Mapping[str, Any]]:
        """Returns the values in the clear, JSON-ready: for a connection that leads to the worker and nowhere else.

        Not for a task queue, a scheduler or a file, which others can read. The worker makes `Secrets(values)` of them.
        """
        return dict(self._values)

    def of(self, name: str, /) -> Mapping[str, Any] | None:
        """Returns the values of one storage, or None if they were not sent."""
        return self._values.get(name)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    def __reduce__(self) -> Any:
        raise SerializationError(
            "The secrets of a call are not pickled, because whoever stores the pickle could read them. Send "
            "call.secrets.reveal() to the worker by a connection that nobody else reads, and call the call there with "
            "Secrets(values)."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Submitted call of a task, for a task runner. Calling it runs it; for another process it is pickled first.

    `resolution` travels along, so that the worker stores the result where the submitting side resolved it to. Pickles leave
    out `secrets`: a runner whose workers are elsewhere sends `secrets.reveal()` by another way than the pickle, and calls
    the call there with `Secrets` of it.
    """

    run: Callable[[Call, Secrets], Any]
    task: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    resolution: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets, compare=False)

    def __call__(self, secrets: Secrets | None = None) -> Any:
        return self.run(self, self.secrets if secrets is None else secrets)

    def __reduce__(self) -> Any:
        return _unpickled_call, (self.run, self.task, self.args, self.kwargs, self.resolution, self.extra)

    def __setstate__(self, state: list[Any], /) -> None:
        # Of earlier releases: the same fields in a list, as dataclasses with slots pickle them, and no `secrets`.
        for name, value in zip(self.__slots__, [*state, Secrets()], strict=True):
            object.__setattr__(self, name, value)


def _unpickled_call(
    run: Callable[[Call, Secrets], Any],
    task: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    resolution: Any,
    extra: Mapping[str, Any],
) -> Call:
    return Call(run=run, task=task, args=args, kwargs=kwargs, resolution=resolution, extra=extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReference:
    """Storage of a stored result: slug of the block if it has one, type and location, without secrets."""

    slug: str | None
    type: str
    location: Mapping[str, Any] = field(hash=False)

    @classmethod
    def of(cls, storage: Storage, /) -> StorageReference:
        """Returns the reference to a storage."""
        return cls(slug=storage.block_slug, type=storage.slug, location=storage.location())

    @property
    def label(self) -> str:
        """Name for messages: its slug, or its type and place."""
        if self.slug is not None:
            return self.slug
        place = next(iter(self.location.values()), "")
        return f"{self.type}:{masked(place)}"

    @property
    def identity(self) -> str:
        """Text that is equal for equal places, whatever slugs lead there."""
        return json.dumps([self.type, dict(self.location)], sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SerializerReference:
    """Serializer of a stored result: its name, and the options that differ from the defaults."""

    type: str
    options: Mapping[str, Any] = field(hash=False, default_factory=dict)
