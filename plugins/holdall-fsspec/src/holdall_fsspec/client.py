"""Interfaces of an object store's client: few requests, each awaited on one event loop.

A plugin implements `ObjectClient`, `Upload` and `Body`; `ObjectBlock` builds a storage on them, with errors, deadlines,
pieces and ranges. Exceptions of the client's library pass through: the block maps them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator

    from holdall.types import Buffer


class ClientLimits(NamedTuple):
    """Timeouts in seconds, concurrent pieces of an object, and attempts of a request, from the fields of a block."""

    connect_timeout: float
    read_timeout: float
    timeout: float | None
    concurrency: int
    max_attempts: int


class ObjectInfo(NamedTuple):
    """Name, size, etag and time of an object. `modified` is in seconds since the epoch; `name` includes the prefix."""

    name: str
    size: int
    etag: str | None
    modified: float | None


class Unfinished(NamedTuple):
    """Upload that was begun, and neither finished nor aborted; `started` is in seconds since the epoch."""

    name: str
    id: str
    size: int
    started: float


class Body(ABC):
    """Response body: `length` bytes of the object from `start` on, of the version `etag`.

    `size` is that of the whole object. A server that ignores ranges sends all of it, with a `start` of 0.
    """

    start: int
    length: int
    size: int
    etag: str | None

    @abstractmethod
    async def read(self, limit: int, /) -> Buffer:
        """Reads at least one byte, at most `limit`; none at the end."""

    @abstractmethod
    def close(self) -> None:
        """Releases the connection; called once, after success or failure."""


class Upload(ABC):
    """Upload of one object in pieces, which is visible after `finish`."""

    concurrency: ClassVar[int | None] = None
    """Limit of the store for concurrent pieces: 1 if it needs them in order; None for no limit."""

    @abstractmethod
    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        """Sends piece `number`, counted from 0, whose first byte is byte `offset` of the object."""

    @abstractmethod
    async def finish(self) -> str | None:
        """Completes the object and returns its etag. All pieces have been sent."""

    @abstractmethod
    async def abort(self) -> None:
        """Aborts the upload and deletes its pieces."""


class ObjectClient(ABC):
    """Client of one bucket or container; created by the first request, once for each process and block."""

    loop: AbstractEventLoop
    creates_in_pieces: ClassVar[bool] = False
    """Whether `Upload.finish` fails atomically if the name exists."""

    @abstractmethod
    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        """Writes an object in one request and returns its etag. With `create`, only if there is none."""

    @abstractmethod
    async def begin(self, name: str, /, *, create: bool) -> Upload:
        """Begins an upload in pieces. With `create`, it succeeds only if there is no object."""

    @abstractmethod
    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        """Requests bytes `start` to `stop`, which may be beyond the end, of the version `etag` if one is given."""

    @abstractmethod
    async def head(self, name: str, /) -> ObjectInfo:
        """Returns name, size, etag and time of an object."""

    @abstractmethod
    async def remove(self, name: str, /) -> None:
        """Deletes an object; a missing one may be an error."""

    async def remove_unchanged(self, name: str, etag: str | None, /) -> None:
        """Deletes the version `etag` of an object, if the store has such a condition; the caller has just read the etag.

        Raises the store's error for a failed condition (412) if there is another version.
        """
        del etag
        await self.remove(name)

    @abstractmethod
    def pages(self, prefix: str, /) -> AsyncIterator[list[ObjectInfo]]:
        """Lists the objects under a prefix, in any order."""

    @abstractmethod
    async def copy(self, source: str, target: str, /) -> None:
        """Copies an object within the store."""

    @abstractmethod
    async def probe(self) -> None:
        """Requests the bucket itself; raises if it is missing or not accessible."""

    async def unfinished(self, prefix: str, /) -> list[Unfinished]:
        """Lists unfinished uploads, in stores that keep (and charge for) them."""
        del prefix
        return []

    async def abandon(self, upload: Unfinished, /) -> None:  # noqa: B027 - there is nothing where nothing is unfinished
        """Aborts one of `unfinished`; a missing one is no error."""

    async def close(self) -> None:  # noqa: B027 - most close with their last reference
        """Closes the connections."""
