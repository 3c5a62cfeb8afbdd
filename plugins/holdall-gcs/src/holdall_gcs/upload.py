"""An upload in pieces: one after the other, several of them in one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from holdall_fsspec import Upload
from holdall_gcs.connection import Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_gcs.connection import Connection


class ResumableUpload(Upload):
    """A session of Google's, which takes bytes in their order and shows the object with the last of them.

    Pieces cannot travel beside each other here. So several of them go in one request, `at_once`: each request costs the
    time of a way to Google and back, and of a commit. All of them are kept until it is answered.
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
        # By POST, which Google takes as well: aiohttp sends a PUT again by itself where the connection breaks, with
        # what is then left of the content. A repeated request may send what arrived before; Google skips that.
        answer = await self._connection.ask(
            "POST",
            self._session,
            headers={"Content-Range": f"bytes {start}-{end - 1}/{end if last else '*'}"},
            content=Content(lambda: _from(self._waiting, start - first), end - start),
        )
        if answer.status == 308:
            kept = answer.headers.get("Range")  # bytes=0-9; absent where it kept nothing
            self._stored = int(kept.rpartition("-")[2]) + 1 if kept else 0
            return
        generation: str = answer.body["generation"]
        size = int(answer.body["size"])
        if size != end:
            # Never so at Google. An emulator that gets a piece twice keeps it twice, and a new upload mends that. Not
            # asked before what it has: the same emulator takes that question for the end, and shows half an object.
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
