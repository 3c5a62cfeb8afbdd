"""Pool of clients that are lent to one thread at a time."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from holdall_fsspec.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pool:
    """Pool of at most `limit` clients, each created when all others are lent."""

    def __init__(self, make: Callable[[], Any], limit: int) -> None:
        self._make = make
        self._room = BoundedSemaphore(limit)
        self._free: list[Any] = []

    @contextmanager
    def one(self) -> Iterator[Any]:
        """Lends a client; closes it after a transient error, as its connection may be broken."""
        with self._room:
            try:
                client = self._free.pop()
            except IndexError:
                client = self._make()
            try:
                yield client
            except BaseException as error:
                if isinstance(error, Exception) and not BackendError.of(error).transient:
                    self._free.append(client)
                else:
                    _close(client)
                raise
            self._free.append(client)

    def close(self) -> None:
        """Closes the clients that are not lent."""
        while self._free:
            _close(self._free.pop())


def _close(client: Any) -> None:
    with suppress(Exception):  # it is broken, or has nothing to close
        client.client.close()
