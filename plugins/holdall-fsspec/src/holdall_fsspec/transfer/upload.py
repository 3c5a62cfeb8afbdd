"""Upload of one object in pieces, with a limit of concurrent pieces in memory."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from holdall_fsspec.transfer.deadline import Deadline, finished, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall_fsspec.client import ObjectClient, Upload
    from holdall_fsspec.errors import Guard

_ABORT: Final = 30.0
"""Most seconds for an abort: the connection may be broken."""


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
    """Uploads the pieces as one object; returns its etag and size.

    Any failure, that of reading the pieces included, aborts the upload and deletes its pieces.
    """
    with guard:
        begun = run(client.loop, client.begin(name, create=create), deadline)
    sender = _PieceSender(client, begun, min(concurrency, begun.concurrency or concurrency), deadline)
    try:
        # One piece is held back, as some stores need to know which is the last.
        held = next(pieces)
        for piece in pieces:
            with guard:
                sender.send(held, last=False)
            held = piece
        with guard:
            sender.send(held, last=True)
            sender.wait()
            etag = run(client.loop, begun.finish(), deadline)
    except BaseException:
        sender.cancel()
        with suppress(Exception):  # the first error counts
            run(client.loop, begun.abort(), Deadline(min(_ABORT, deadline.seconds or _ABORT)))
        raise
    return etag, sender.size


class _PieceSender:
    """Sender of concurrent pieces; the first failure is raised by the next `send` or `wait`."""

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
            self._wait_for_one()
        work = self._begun.send(self._number, self.size, piece, last=last)
        self._running.add(start(self._client.loop, work, self._deadline))
        self._number += 1
        self.size += len(piece)

    def wait(self) -> None:
        while self._running:
            self._wait_for_one()

    def cancel(self) -> None:
        """Cancels all pieces before an abort: one that arrives later would never be deleted."""
        for future in self._running:
            future.cancel()
        wait(self._running, timeout=_ABORT)

    def _wait_for_one(self) -> None:
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            finished(future)
