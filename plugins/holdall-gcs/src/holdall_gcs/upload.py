"""Resumable upload: pieces one after the other, several of them in one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from holdall_fsspec import Upload
from holdall_gcs.connection import Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_gcs.connection import Connection


class ResumableUpload(Upload):
    """Session of Google's, which needs bytes in order and shows the object after the last of them.

    Pieces cannot be sent concurrently. So one request has `at_once` pieces, as each costs a round trip and a commit. They
    stay in memory until the response.
    """

    concurrency: ClassVar[int | None] = 1

    def __init__(self, connection: Connection, session: str, target: str, at_once: int) -> None:
        self._connection = connection
        self._session = session
        self._target = target
        self._at_once = at_once
        self._waiting: list[bytes] = []
        self._stored = 0
        self._generation: str | None = None
        self._wrong: str | None = None

    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        del number
        self._waiting.append(piece)
        if not last and len(self._waiting) < self._at_once:
            return
        end = offset + len(piece)
        first = end - sum(map(len, self._waiting))
        while self._stored < end:
            before = self._stored
            await self._send_from(first, end, last=last)
            if self._stored <= before:
                raise ConnectionError(f"the service kept nothing of what was sent from byte {before} on")
        self._waiting.clear()

    async def _send_from(self, first: int, end: int, *, last: bool) -> None:
        start = self._stored
        # POST, which Google accepts as well: aiohttp repeats a PUT by itself if the connection breaks, with the rest of
        # the content only. A repeated request may send bytes that arrived before; Google skips them.
        answer = await self._connection.ask(
            "POST",
            self._session,
            headers={"Content-Range": f"bytes {start}-{end - 1}/{end if last else '*'}"},
            content=Content(lambda: _from(self._waiting, start - first), end - start),
        )
        if answer.status == 308:
            stored = answer.headers.get("Range")  # bytes=0-9; absent if it stored nothing
            self._stored = int(stored.rpartition("-")[2]) + 1 if stored else 0
            return
        generation: str = answer.body["generation"]
        size = int(answer.body["size"])
        if size != end:
            # Never at Google. An emulator that gets a piece twice stores it twice, which a new upload repairs. It cannot
            # be asked for its state before: it would take that as the end, and show half an object.
            self._wrong = generation
            raise ConnectionError(f"the service made an object of {size} bytes from {end}")
        self._stored, self._generation = end, generation

    async def finish(self) -> str | None:
        if self._generation is None:
            raise ConnectionError("the service has all bytes and made no object of them")
        return self._generation

    async def abort(self) -> None:
        if self._wrong is not None:
            await self._connection.ask("DELETE", self._target, {"generation": self._wrong})
        else:
            await self._connection.ask("DELETE", self._session)


def _from(pieces: list[bytes], skip: int) -> Iterator[memoryview]:
    for piece in pieces:
        if skip < len(piece):
            yield memoryview(piece)[skip:]
        skip = max(skip - len(piece), 0)
