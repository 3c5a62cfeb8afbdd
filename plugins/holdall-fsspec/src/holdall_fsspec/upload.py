"""One object in pieces, several under way at once and no more of them in memory."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from holdall_fsspec.deadline import Deadline, finished, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_fsspec.client import ObjectClient, Upload
    from holdall_fsspec.errors import Guard

_ABORT: Final = 30.0
"""Seconds for giving up, at most: the connection may be what failed."""


def upload(
    client: ObjectClient,
    name: str,
    pieces: Iterator[bytes],
    /,
    *,
    create: bool,
    concurrency: int,
    deadline: Deadline,
    guard: Guard,
) -> tuple[str | None, int]:
    """Send the pieces as one object; returns its etag and size.

    Whatever goes wrong, the reading of the pieces included, the upload is given up: nothing of it stays.
    """
    with guard:
        begun = run(client.loop, client.begin(name, create=create), deadline)
    sending = _Sending(client, begun, min(concurrency, begun.concurrency or concurrency), deadline)
    try:
        # One piece is held back, as some stores have to be told which is the last.
        held = next(pieces)
        for piece in pieces:
            with guard:
                sending.send(held, last=False)
            held = piece
        with guard:
            sending.send(held, last=True)
            sending.wait()
            etag = run(client.loop, begun.finish(), deadline)
    except BaseException:
        sending.cancel()
        with suppress(Exception):  # what went wrong before is what matters
            run(client.loop, begun.abort(), Deadline(min(_ABORT, deadline.seconds or _ABORT)))
        raise
    return etag, sending.size


class _Sending:
    """Pieces on their way; the first failure shows at the next `send`, or at `wait`."""

    def __init__(self, client: ObjectClient, begun: Upload, concurrency: int, deadline: Deadline) -> None:
        self.size = 0
        self._client = client
        self._begun = begun
        self._concurrency = concurrency
        self._deadline = deadline
        self._number = 0
        self._running: set[Future[None]] = set()

    def send(self, piece: bytes, *, last: bool) -> None:
        while len(self._running) >= self._concurrency:
            self._settle()
        work = self._begun.send(self._number, self.size, piece, last=last)
        self._running.add(start(self._client.loop, work, self._deadline))
        self._number += 1
        self.size += len(piece)

    def wait(self) -> None:
        while self._running:
            self._settle()

    def cancel(self) -> None:
        """Before the abort: a piece that arrives after it would stay for ever."""
        for each in self._running:
            each.cancel()
        wait(self._running, timeout=_ABORT)

    def _settle(self) -> None:
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        for each in done:
            finished(each)
