"""A web server over a folder, with ranges or without, as such servers are."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Handler(SimpleHTTPRequestHandler):
    """Python's own, which knows no ranges and answers with the whole. `/refused…` is 403 and `/broken…` 500."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._unless_refused(super().do_GET)

    def do_HEAD(self) -> None:
        self._unless_refused(super().do_HEAD)

    def _unless_refused(self, answer: object) -> None:
        for name, status in (("/refused", 403), ("/broken", 500)):
            if self.path.startswith(name):
                self.send_error(status)
                return
        answer()  # type: ignore[operator]

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Ranged(Handler):
    """The same with ranges."""

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        start, stop = int(wanted[1]), int(wanted[2] or len(data)) + 1
        piece = data[start:stop]
        self.send_response(206 if piece else 416)
        self.send_header("Content-Length", str(len(piece)))
        self.send_header("Content-Range", f"bytes {start}-{start + len(piece) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(piece)


@contextmanager
def serving(folder: Path, /, *, ranges: bool) -> Iterator[str]:
    """The URL of a server over the folder, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranged if ranges else Handler, directory=str(folder)))
    server.daemon_threads = True
    server.block_on_close = False  # a client may keep its connection open for longer than this
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
