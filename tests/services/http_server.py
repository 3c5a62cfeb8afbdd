"""HTTP server with responses that a test sets, and a record of its requests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message


class RecordedRequest(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: Message
    body: bytes


class CannedResponse(NamedTuple):
    """Response; without a status, the connection is cut instead."""

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = {}


@dataclass(slots=True, kw_only=True)
class RecordingServer:
    """HTTP server that responds to each request with the result of `answer`."""

    endpoint_url: str
    answer: Callable[[RecordedRequest], CannedResponse]
    asked: list[RecordedRequest] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(cls, answer: Callable[[RecordedRequest], CannedResponse], /) -> Iterator[Self]:
        """Starts a server in threads of this process, until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        made = cls(endpoint_url=f"http://127.0.0.1:{server.server_port}", answer=answer)
        _Handler.servers[server.server_port] = made
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            del _Handler.servers[server.server_port]


class _Handler(BaseHTTPRequestHandler):
    servers: ClassVar[dict[int, RecordingServer]] = {}
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        server = self.servers[self.server.server_address[1]]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = RecordedRequest(self.command, self.path, self.headers, body)
        server.asked.append(asked)
        said = server.answer(asked)
        if said.status is None:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Writes no log: tests read `asked`."""
