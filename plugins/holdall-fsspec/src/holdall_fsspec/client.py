"""What the client of an object store offers: few requests, each awaited on one event loop.

A plugin implements these three; `ObjectBlock` makes a storage of them, with its errors, deadlines, pieces and ranges.
Whatever a client's library raises may leave these methods as it is: the block maps it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator

    from holdall.types import Buffer


class ClientLimits(NamedTuple):
    """What the fields of a block say of how its client asks. Times are in seconds, `concurrency` counts pieces of an object."""

    connect_timeout: float
    read_timeout: float
    timeout: float | None
    concurrency: int
    max_attempts: int


class ObjectInfo(NamedTuple):
    """An object as the store describes it. `modified` is in seconds since the epoch; `name` is the whole name."""

    name: str
    size: int
    etag: str | None
    modified: float | None


class Unfinished(NamedTuple):
    """An upload that was begun and neither finished nor given up; `started` is in seconds since the epoch."""

    name: str
    id: str
    size: int
    started: float


class Body(ABC):
    """An answer on its way: `length` bytes of the object from `start` on, of the version `etag`.

    `size` is the size of the whole object. A server that knows no ranges sends it all: `start` is 0 then.
    """

    start: int
    length: int
    size: int
    etag: str | None

    @abstractmethod
    async def read(self, limit: int, /) -> Buffer:
        """At least one byte, at most `limit`; nothing where the answer has ended."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection; called once, whatever happened."""


class Upload(ABC):
    """One object on its way in pieces. Nobody sees it before `finish`."""

    concurrency: ClassVar[int | None] = None
    """How many pieces may be under way at once, where the store has a limit of its own: 1 where order counts."""

    @abstractmethod
    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        """Piece `number`, counted from 0, whose first byte is byte `offset` of the object."""

    @abstractmethod
    async def finish(self) -> str | None:
        """Show the object; returns its etag. All pieces have been sent."""

    @abstractmethod
    async def abort(self) -> None:
        """Give up; nothing of it stays."""


class ObjectClient(ABC):
    """A connection to one bucket or container; made when the first byte moves, once a process and block."""

    loop: AbstractEventLoop
    creates_in_pieces: ClassVar[bool] = False
    """Whether an upload in pieces can be refused, in its last step and atomically, where the name is taken."""

    @abstractmethod
    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        """Write an object in one request; returns its etag. With `create`, only where nothing is."""

    @abstractmethod
    async def begin(self, name: str, /, *, create: bool) -> Upload: ...

    @abstractmethod
    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        """Ask for bytes `start` to `stop` (beyond the end, perhaps), of the version `etag` only where one is given."""

    @abstractmethod
    async def head(self, name: str, /) -> ObjectInfo: ...

    @abstractmethod
    async def remove(self, name: str, /) -> None:
        """A name that is not there may be an error."""

    async def remove_unchanged(self, name: str, etag: str | None, /) -> None:
        """As `remove`, of the version `etag` alone where the store can do that: else whoever asks has just looked.

        Another version is what the store calls a failed condition (412).
        """
        del etag
        await self.remove(name)

    @abstractmethod
    def pages(self, prefix: str, /) -> AsyncIterator[list[ObjectInfo]]:
        """What is listed under the prefix, in any order."""

    @abstractmethod
    async def copy(self, source: str, target: str, /) -> None:
        """Within the store, without the bytes passing through here."""

    @abstractmethod
    async def probe(self) -> None:
        """Ask for the bucket itself; raises what says that it is not there, or why nobody may know."""

    async def unfinished(self, prefix: str, /) -> list[Unfinished]:
        """Uploads that somebody began and left, where the store keeps (and charges for) such."""
        del prefix
        return []

    async def abandon(self, upload: Unfinished, /) -> None:  # noqa: B027 - there is nothing where nothing is unfinished
        """Remove one of `unfinished`; one that is gone is no error."""

    async def close(self) -> None:  # noqa: B027 - most close with their last reference
        """Close connections."""
