"""The pure values that interfaces name: buffers, ranges, what an object is like, a run, a call."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from holdall.errors import ConfigurationError, CorruptResultError, SerializationError, UntrustedResultError
from holdall.security.redact import masked

if TYPE_CHECKING:
    from types import ModuleType

    from holdall.abc.codec import Codec
    from holdall.abc.storage import Storage

Buffer: TypeAlias = bytes | bytearray | memoryview
Parts: TypeAlias = Iterable[Buffer]
"""The bytes of one object, in order. A list lies in memory, a generator streams; either is read once."""

WriteMode: TypeAlias = Literal["overwrite", "create"]

OnFailure: TypeAlias = Literal["raise", "spool", "run"]
"""What becomes of a run whose storage fails. A result that it does not take is kept in the local spool in any case.

`raise`: the run fails. `spool`: it goes on where a result is not taken. `run`: also where a cache cannot be asked.
"""


CALLS: Final = "calls:"
"""What an entry of an accept list starts with that lets stored data have a function or a library called."""


MOST_CONTAINERS: Final = 8


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a reader has agreed to: whose classes stored data may name, what it may have called, and whether it may run code.

    A module is trusted for its data types where it is imported already, or where `accept` names it or a package around
    it. Functions and libraries are called only where `accept` names each, as `calls:module:function` or `calls:module`.
    A serializer that may run code is trusted where the reader itself writes with such a one (`runs_code`), or where
    `accept` names it. None of the three grants another.
    """

    accept: frozenset[str] = frozenset()
    runs_code: bool = False
    no_pickle: bool = False
    """Whether nothing that may run code is read, whatever is accepted."""
    reader: str = ""
    """The serializer that the reader itself writes with, for messages."""
    containers: int = 0
    """How many stored containers of other serializers' data lie around what is read."""
    max_bytes: int | None = None
    """Bytes that reading may make of the stored ones; None: no bound."""

    def serializer(self, codec: Codec, /) -> None:
        """Let stored data, which names its own serializer, choose this one.

        Raises:
            UntrustedResultError: reading with it may run code, and the reader has not agreed to that.
        """
        if not codec.trusted_only:
            return
        if self.no_pickle:
            raise UntrustedResultError(
                f"It is kept as {codec.slug}, which may run code when it is read, and nothing of that kind is read here "
                "(no_pickle of the block, or HOLDALL_RESULTS_NO_PICKLE). Read it where it was written, and write it anew "
                'in another form, as result_serializer="json".'
            )
        if not self.runs_code and not {codec.slug, "pickle"} & self.accept:
            raise UntrustedResultError(
                f"It is kept as {codec.slug}, which may run code when it is read, and this reader keeps results as "
                f"{self.reader}. If you trust whoever writes there, read with accept=[{codec.slug!r}], or set "
                f"HOLDALL_RESULTS_ACCEPT={codec.slug}."
            )

    def inside(self) -> Trust:
        """The same for what lies in a container that holds other serializers' data.

        Raises:
            CorruptResultError: it lies in more of them than any writer makes: each costs the reader time and calls.
        """
        if self.containers >= MOST_CONTAINERS:
            raise CorruptResultError(f"The stored data has containers in more than {MOST_CONTAINERS} others.")
        return replace(self, containers=self.containers + 1)

    def called(self, path: str, /, *, needed_for: str) -> Any:
        """What the reader lets stored data call: the object at `module:name`, or the module where `path` is a module's name.

        Raises:
            UntrustedResultError: `accept` does not name it; the message prints the `accept=` that would let it in.
            ConfigurationError: it is accepted, and it is not there.
        """
        if CALLS + path not in self.accept:
            raise UntrustedResultError(
                f"{needed_for} names {path!r} to be called. Nothing is called because stored data names it, imported or not. "
                f"Read with a task that has the same serializer, or, if you trust it with this data, with "
                f"accept=[{CALLS + path!r}]."
            )
        module, _, name = path.partition(":")
        try:
            found: Any = import_module(module)
            for part in name.split(".") if name else ():
                found = getattr(found, part)
        except (ImportError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{needed_for} names {path!r}, which cannot be imported: {error}.") from error
        return found

    def module(self, name: str, /, *, needed_for: str) -> ModuleType:
        """Return the module, for the data types in it.

        Raises:
            UntrustedResultError: it is not imported yet and not on the accept list; the message prints the `accept=`
                that would let it in.
        """
        found = sys.modules.get(name)
        if found is not None:
            return found
        parents = name.split(".")
        if any(".".join(parents[: n + 1]) in self.accept for n in range(len(parents))):
            return import_module(name)
        raise UntrustedResultError(
            f"{needed_for} names the module {name!r}, which this process has not imported. Nothing is imported because "
            f"stored data names it: import {name} first, or read with accept=[{name!r}]."
        )


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
