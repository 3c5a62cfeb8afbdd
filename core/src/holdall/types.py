"""The pure values that interfaces name: buffers, ranges, what an object is like, a run, a call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from holdall.errors import UntrustedResultError

if TYPE_CHECKING:
    from types import ModuleType

    from holdall.abc.codec import Codec

Buffer: TypeAlias = bytes | bytearray | memoryview
Parts: TypeAlias = Iterable[Buffer]
"""The bytes of one object, in order. A list lies in memory, a generator streams; either is read once."""

WriteMode: TypeAlias = Literal["overwrite", "create"]

OnFailure: TypeAlias = Literal["raise", "spool"]
"""What becomes of a run whose result its storage does not take; the result is kept in the local spool in either case."""


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
    """What a reader has agreed to: what it imports because stored data names it, and whether that may run code.

    A module is trusted where it is imported already, or where `accept` names it or a package around it. A serializer
    that may run code is trusted where the reader itself writes with such a one (`runs_code`), or where `accept` names it.
    """

    accept: frozenset[str] = frozenset()
    runs_code: bool = False
    no_pickle: bool = False
    """Whether nothing that may run code is read, whatever is accepted."""
    reader: str = ""
    """The serializer that the reader itself writes with, for messages."""

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

    def module(self, name: str, /, *, needed_for: str) -> ModuleType:
        """Return the module.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Work on its way to a runner. Calling it runs it; where it runs in another process, it is pickled first.

    `resolution` travels along, so that the worker stores the result where the submitting side resolved it to. A runner
    whose workers are elsewhere passes them `key`, its own `key`, by another way than the call.
    """

    run: Callable[[Call, bytes | None], Any]
    task: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    resolution: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, key: bytes | None = None) -> Any:
        return self.run(self, key)
