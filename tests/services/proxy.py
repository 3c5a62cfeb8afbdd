"""HTTP proxy that simulates the faults of bad networks."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_BUFFER: Final = 64 << 10


@dataclass(slots=True, kw_only=True)
class Fault:
    """Fault of the next `times` requests with `when` in their `METHOD /target` (None: of all requests).

    Bytes are counted in the bodies. One fault does one thing.
    """

    when: str = ""
    times: int | None = 1
    status: int | None = None
    """Respond with this status instead of the server; with `code` in a body as S3's."""
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut_up: int | None = None
    """Reset the connection after so many bytes of the request."""
    cut_down: int | None = None
    """Reset the connection after so many bytes of the response: -1 after the server has responded, before its first byte."""
    truncate: int | None = None
    """As `cut_down`, but close the connection as after a complete response."""
    silent: bool = False
    """Read the request and never respond."""
    drip: float | None = None
    """Forward the response's body in single bytes, with so many seconds between them."""
    done: int = 0
    """Number of requests with this fault."""


class Request(NamedTuple):
    """Request, and its time on the monotonic clock."""

    line: str
    at: float


class _CutError(Exception):
    """Raised where the connection is to be reset."""


class Proxy:
    """Proxy on its own port that forwards requests, except for its `faults`; all can be changed while it runs.

    `requests` has what came, in order; `most_at_once` how many waited for their answers at the same time.
    """

    def __init__(self, upstream: str, /) -> None:
        url = urlsplit(upstream)
        self.upstream = (url.hostname or "", url.port or 80)
        self.faults: list[Fault] = []
        self.latency = 0.0
        """Seconds before each answer."""
        self.rate: float | None = None
        """Bytes a second of each answer."""
        self.requests: list[Request] = []
        self.most_at_once = 0
        self.passed_up = 0
        self.passed_down = 0
        self._waiting: set[object] = set()
        self._loop = asyncio.new_event_loop()
        self._socket = _listening(0)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """URL in place of the server's."""
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @contextmanager
    def before(cls, upstream: str, /) -> Iterator[Self]:
        """Starts a proxy for the server at a URL, until the block ends."""
        proxy = cls(upstream)
        thread = threading.Thread(target=proxy._loop.run_forever, name="proxy")
        thread.start()
        try:
            proxy._do(proxy._open())
            yield proxy
        finally:
            proxy._do(proxy._shut())
            proxy._loop.call_soon_threadsafe(proxy._loop.stop)
            thread.join()
            proxy._loop.close()

    def add(self, fault: Fault, /) -> Fault:
        """Adds a fault, before the present ones."""
        self.faults.insert(0, fault)
        return fault

    def clear(self) -> None:
        """Removes all faults and recorded requests."""
        self.faults.clear()
        self.latency, self.rate = 0.0, None
        self.requests.clear()
        self._waiting.clear()  # who was left without an answer may never hang up
        self.most_at_once = self.passed_up = self.passed_down = 0

    def lines(self, containing: str = "", /) -> list[str]:
        """Returns `METHOD /target` of each request that contains the text."""
        return [each.line for each in self.requests if containing in each.line]

    def refuse(self) -> None:
        """Resets all connections and refuses new ones."""
        self._do(self._shut())

    def accept(self) -> None:
        """Listens again on the same port."""
        self._socket = _listening(self.port)
        self._do(self._open())

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket, limit=_BUFFER)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(down, back):
                pass
            back.close()
        except (_CutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            _reset(back)
        finally:
            self._connections.discard(task)

    async def _exchange(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> bool:
        """Forwards one request and its response; returns false if the connection has ended.

        The server gets each on a connection of its own: one that was idle may be closed by it at the very moment of the
        next request, which the client would then have to send again.
        """
        head = await _head(down)
        if not head:
            return False
        answers, up = await asyncio.open_connection(*self.upstream, limit=_BUFFER)
        try:
            return await self._passed(head, down, back, answers, up)
        finally:
            _reset(up)

    async def _passed(
        self,
        head: bytes,
        down: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        up: asyncio.StreamWriter,
    ) -> bool:
        line = head.partition(b" HTTP/")[0].decode("latin-1")
        self.requests.append(Request(line, time.monotonic()))
        fault = self._fault(line)
        self._waiting.add(this := object())
        self.most_at_once = max(self.most_at_once, len(self._waiting))
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            if fault.status is not None or fault.silent:
                await _swallow(head, down, back)
                if fault.silent:
                    await asyncio.Event().wait()
                back.write(_answer(fault, with_body=not line.startswith("HEAD ")))
                await back.drain()
                return True
            up.write(head)
            answered = await self._request(head, down, back, answers, up, fault)
            answered = answered or await _head(answers)
        finally:
            # Not when the last byte of the answer is out: whoever has it may ask again before this loop has its turn.
            self._waiting.discard(this)
        return await self._answer(line, answered, answers, back, fault)

    def _fault(self, line: str) -> Fault:
        for each in self.faults:
            if each.when in line and (each.times is None or each.done < each.times):
                each.done += 1
                return each
        return Fault()

    async def _request(
        self,
        head: bytes,
        down: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        up: asyncio.StreamWriter,
        fault: Fault,
    ) -> bytes:
        """Forwards the body; returns the response's head if the server responded before the end of the body."""
        if _value(head, b"expect"):
            early = await _head(answers)
            if b" 100" not in early.partition(b"\r\n")[0]:
                return early
            back.write(early)
        sent = 0
        async for piece in _body(head, down):
            if fault.cut_up is not None and sent + len(piece) > fault.cut_up:
                up.write(piece[: fault.cut_up - sent])
                raise _CutError
            up.write(piece)
            await up.drain()
            sent += len(piece)
            self.passed_up += len(piece)
        return b""

    async def _answer(
        self, line: str, head: bytes, answers: asyncio.StreamReader, back: asyncio.StreamWriter, fault: Fault
    ) -> bool:
        limit = fault.cut_down if fault.truncate is None else fault.truncate
        if limit == -1 or not head:
            raise _CutError
        back.write(head)
        sent = 0
        bodiless = line.startswith("HEAD ") or head.split(b" ", 2)[1] in {b"204", b"304"}
        async for piece in _nothing() if bodiless else _body(head, answers):
            allowed = len(piece) if limit is None else min(len(piece), limit - sent)
            # Before they are out, as above.
            sent += allowed
            self.passed_down += allowed
            if fault.drip is None:
                back.write(piece[:allowed])
                await back.drain()
            else:
                await _dripping(piece, back, fault.drip)
            if allowed < len(piece):
                if fault.truncate is not None:
                    return False
                await back.drain()
                raise _CutError
            if self.rate is not None:
                await asyncio.sleep(len(piece) / self.rate)
        await back.drain()
        return True


def _listening(port: int) -> socket.socket:
    made = socket.create_server(("127.0.0.1", port), backlog=256)
    made.setblocking(False)
    return made


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection by a reset."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):  # closed already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Reads the head of a request or a response; empty if the connection has ended."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _value(head: bytes, name: bytes) -> bytes:
    for each in head.split(b"\r\n")[1:]:
        found, _, value = each.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return b""


async def _body(head: bytes, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if b"chunked" in _value(head, b"transfer-encoding").lower():
        size = -1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
        return
    left = int(_value(head, b"content-length") or b"0")
    while left:
        piece = await reader.read(min(_BUFFER, left))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


async def _nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece


async def _swallow(head: bytes, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
    if _value(head, b"expect"):
        back.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async for _ in _body(head, down):
        pass


async def _dripping(piece: bytes, back: asyncio.StreamWriter, seconds: float) -> None:
    for number in range(len(piece)):
        back.write(piece[number : number + 1])
        await back.drain()
        await asyncio.sleep(seconds)


def _answer(fault: Fault, *, with_body: bool) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>no</Message></Error>" if fault.code else ""
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body)), **fault.headers}
    lines = [f"HTTP/1.1 {fault.status} Fault", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + (body if with_body else "")).encode()
