"""Download of an object or a range into one buffer, by concurrent ranges of one version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from holdall_fsspec.transfer.buffers import allocate
from holdall_fsspec.transfer.retry import backoff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from holdall.types import Buffer
    from holdall_fsspec.client import Body, ObjectClient

_READ: Final = 1 << 20
_WRITABLE: Final = 64 << 10
"""Size from which a buffer is returned as it is: a copy to bytes would cost too much."""


class DownloadOptions(NamedTuple):
    """Options of a download: pieces of `chunk` bytes, `concurrency` of them at once, at most `attempts` requests for each.

    Objects of more than `map_above` bytes are read into a mapped temporary file. `moved` is called with the number of
    bytes that arrived.
    """

    chunk: int
    concurrency: int
    attempts: int
    map_above: int | None
    moved: Callable[[int], None]


async def download(
    client: ObjectClient, name: str, start: int, stop: int | None, etag: str | None, options: DownloadOptions, /
) -> Buffer:
    """Downloads bytes `start` to `stop`: as bytes if they are few, as a buffer that the caller may change otherwise.

    With an `etag`, of that version only. Two versions are never mixed.
    """
    end = start + options.chunk if stop is None else min(stop, start + options.chunk)
    # The first response has size and etag of the object, so that no request is needed for them.
    body = await client.read(name, start, end, etag)
    try:
        stop = body.size if stop is None else min(stop, body.size)
        reader = _Reader(client, name, body.etag or etag, options)
        length = max(stop - start, 0)
        data = allocate(length, options.map_above)
        with memoryview(data) as view:
            await reader.fill_all(view, start, body)
    finally:
        body.close()
    return bytes(data) if length < _WRITABLE else data


class _Reader:
    """Fills a buffer from the ranges of one version."""

    def __init__(self, client: ObjectClient, name: str, etag: str | None, options: DownloadOptions) -> None:
        self._client = client
        self._name = name
        self._etag = etag
        self._options = options

    async def fill_all(self, view: memoryview, start: int, body: Body) -> None:
        """Fills the view with the object's bytes from `start`; `body` is the response with the first of them."""
        step = self._options.chunk
        if body.start != start or body.length >= len(view):
            step = max(len(view), 1)  # one response has all of it
        turns = asyncio.Semaphore(self._options.concurrency)

        async def fill(offset: int) -> None:
            async with turns:
                await self._fill(view[offset : offset + step], start + offset, None if offset else body)

        if len(view) <= step:
            await self._fill(view[:], start, body)
            return
        tasks = [asyncio.ensure_future(fill(offset)) for offset in range(0, len(view), step)]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _fill(self, view: memoryview, start: int, first: Body | None) -> None:
        """Fills one piece; requests the rest again if the connection breaks in the middle."""
        filled = 0
        with view:
            for attempt in range(self._options.attempts):
                body = first
                try:
                    if body is None:
                        body = await self._client.read(self._name, start + filled, start + len(view), self._etag)
                    skip = start + filled - body.start
                    async for piece in _pieces(body, skip, len(view) - filled):
                        view[filled : filled + len(piece)] = piece
                        filled += len(piece)
                        self._options.moved(len(piece))
                    _check_whole(filled, len(view))
                except Exception:  # the transports have various errors for a broken stream
                    # Without a body the request failed, and the client has retried it already.
                    if body is None or attempt + 1 == self._options.attempts:
                        raise
                else:
                    return
                finally:
                    if body is not None and body is not first:
                        body.close()
                if first is not None:
                    first.close()
                    first = None
                await asyncio.sleep(backoff(attempt))


def _check_whole(filled: int, wanted: int) -> None:
    if filled < wanted:
        raise ConnectionError(f"the body ended after {filled} of {wanted} bytes")


async def _pieces(body: Body, skip: int, wanted: int) -> AsyncIterator[Buffer]:
    while wanted:
        piece = await body.read(min(_READ, skip + wanted))
        if not len(piece):
            return
        if skip:
            dropped = min(skip, len(piece))
            piece, skip = piece[dropped:], skip - dropped
        if len(piece):
            wanted -= len(piece)
            yield piece
