"""The pure values that interfaces name: buffers, ranges, what an object is like, a run, a call."""

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
"""What becomes of a run whose storage fails. A result that it does not take is kept in the local spool in any case.

`raise`: the run fails. `spool`: it goes on where a result is not taken. `run`: also where a cache cannot be asked.
"""


class Unset(Enum):
    """The one value that no caller passes by accident; an enum member survives pickling."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class ByteRange(NamedTuple):
    """Bytes `start` to `stop`, in Python's sense: `stop` is not included. None means to the end."""

    start: int
    stop: int | None = None


class ObjectMeta(NamedTuple):
    """What a storage knows of an object without reading it. `modified` is in seconds since the epoch."""

    key: str
    size: int
    etag: str | None = None
    modified: float | None = None

    def is_same(self, other: ObjectMeta, /) -> bool:
        """Whether both describe one write of one object, as far as either says.

        Listings and heads of one storage may give times of different precision, which an equal etag makes up for. Of a
        storage that tells neither, sizes are all that can be compared; in other doubts the answer is no.
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
    """Where a serializer reads from. Every byte handed out has been checked against the record's checksums."""

    @property
    def trust(self) -> Trust: ...
    @property
    def size(self) -> int: ...
    def buffer(self) -> Buffer:
        """All bytes; writable and private to the caller where the storage can do so without another copy."""
        ...

    def read_range(self, start: int, stop: int, /) -> Buffer: ...
    def open(self) -> IO[bytes]:
        """A seekable, readable binary file."""
        ...


class RunRow(NamedTuple):
    """One run of a task or flow as the catalog keeps it. Times are seconds since the epoch.

    `result` is the JSON of a `ResultLiteral` or a `ResultReference`, or None where nothing was kept; `cached` says that
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
    """One stored result as the catalog indexes it. `storage` names the place: a slug, or a digest of its location."""

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
    """A saved block: plain fields as they are, secret fields encrypted by whoever saves (never by the catalog)."""

    slug: str
    type: str
    fields: Mapping[str, Any]
    secrets: str | None = None
    """Encrypted JSON of the secret fields, as ASCII, or None where there are none."""
    created: float = 0.0


class Secrets:
    """Secret values of the storages of a call, on their way to its worker: not shown, and not pickled with anything."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Mapping[str, Any]] | None = None, /) -> None:
        self._values = {} if values is None else dict(values)

    def reveal(self) -> dict[str, Mapping[str, Any]]:
        """The values in the clear, JSON-ready: for a pipe or a connection that leads to the worker and nowhere else.

        Not for a task queue, a scheduler or a file, where others can read them. `Secrets(values)` takes them again.
        """
        return dict(self._values)

    def of(self, name: str, /) -> Mapping[str, Any] | None:
        """The values of one storage, or None where they have not come along."""
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
    """Work on its way to a runner. Calling it runs it; where it runs in another process, it is pickled first.

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
    """A place with no secret in it: the block's slug where it has one, its type, and its location."""

    slug: str | None
    type: str
    location: Mapping[str, Any] = field(hash=False)

    @classmethod
    def of(cls, storage: Storage, /) -> StorageReference:
        return cls(slug=storage.block_slug, type=storage.slug, location=storage.location())

    @property
    def label(self) -> str:
        """In words: its slug, or its type and place."""
        if self.slug is not None:
            return self.slug
        place = next(iter(self.location.values()), "")
        return f"{self.type}:{masked(place)}"

    @property
    def identity(self) -> str:
        """The same for two ways to one place: a slug is none of it."""
        return json.dumps([self.type, dict(self.location)], sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SerializerReference:
    """A serializer by name, with the options that differ from its defaults."""

    type: str
    options: Mapping[str, Any] = field(hash=False, default_factory=dict)
