"""What every storage block over an fsspec filesystem has in common: its lazy client, its keys and its errors."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from holdall.abc import StorageBlock
from holdall_fsspec import keys
from holdall_fsspec.client import ClientLimits
from holdall_fsspec.errors import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.errors import StorageError
    from holdall.types import ByteRange, ObjectMeta


class RemoteBlock(StorageBlock):
    """Base of the blocks of this package and the plugins that stand on it: a client per process, keys, errors, limits.

    Beside the result itself, writing holds `chunk_size * (concurrency + 3)` bytes in memory, and what is under way once
    more in the buffers of the event loop on Python 3.11; reading next to nothing.
    """

    chunk_size: int = Field(default=8 << 20, ge=5 << 20, multiple_of=256 << 10)
    """Bytes of one piece of a large object, in each direction."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """How many pieces of one object travel at once."""
    map_above: int | None = Field(default=None, ge=0)
    """Read objects of more bytes than this into a temporary file that is mapped, and not into memory."""
    connect_timeout: float = Field(default=10, gt=0)
    """Seconds."""
    read_timeout: float = Field(default=60, gt=0)
    """Seconds without a byte, not for a whole object."""
    timeout: float | None = Field(default=None, gt=0)
    """Seconds for a whole operation, however large; None: as long as bytes keep coming."""
    max_attempts: int = Field(default=4, ge=1, le=20)
    """How often one request is sent before its failure counts, when the service is busy or the network breaks."""

    # By process id: a child of `fork` leaves its parent's alone, whose sockets and event loop are not its own.
    _clients: dict[int, Any] = PrivateAttr(default_factory=dict)

    @abstractmethod
    def new_client(self) -> Any:
        """A client of this block alone, which remembers neither listings nor objects.

        Called on the first byte moved in each process; nothing of the backend is imported before.
        """

    @property
    @abstractmethod
    def root(self) -> str:
        """What every object's name starts with inside its container, with no slash at the end; may be empty."""

    @property
    @abstractmethod
    def container(self) -> str:
        """What holds the objects, as messages call it: "the bucket 'lake'"."""

    @property
    def shown(self) -> str:
        """This block as messages show it, without its secrets."""
        return f"{type(self).__name__}({next(iter(self.location().values()), '')!r})"

    @property
    def endpoint(self) -> str:
        """Where requests go, as messages call it."""
        return "the service"

    @property
    def credentials_advice(self) -> str:
        """How to give this block credentials, as a sentence."""
        return "Give the block credentials, or set those of the environment."

    @property
    def limits(self) -> ClientLimits:
        """The fields of this base that a client is made with."""
        return ClientLimits(self.connect_timeout, self.read_timeout, self.timeout, self.concurrency, self.max_attempts)

    @property
    def client(self) -> Any:
        """The client of this block in this process, made on first use."""
        found = self._clients.get(os.getpid())
        if found is None:
            # Two threads may both make one; it connects on its first call, so the loser's costs nothing.
            found = self._clients.setdefault(os.getpid(), self.new_client())
        return found

    def close(self) -> None:
        """Let go of the client; its connections close with it, and the next call makes another."""
        self._clients.pop(os.getpid(), None)

    def name_of(self, key: str, /) -> str:
        """The name of the key's object inside the container; refuses what is no key."""
        return keys.checked(key, root=self.root)

    def check_key(self, key: str, /) -> None:
        self.name_of(key)

    def guard(self, key: str, operation: str) -> Guard:
        """A context manager around calls of the backend, from which only `StorageError`s leave."""
        return Guard(
            block=self.block_slug or self.slug,
            shown=self.shown,
            container=self.container,
            endpoint=self.endpoint,
            credentials=self.credentials_advice,
            key=key,
            operation=operation,
        )

    def listed(self, found: list[ObjectMeta], /) -> Iterator[ObjectMeta]:
        """The objects of a listing in order of code points, without what no key could name.

        The stores' own order is not to be relied on: SeaweedFS and the GCS and Azure emulators sort by folder. Names
        that end with a slash are markers that consoles leave for "folders".
        """
        found.sort(key=lambda meta: meta.key)
        return (meta for meta in found if keys.fault(meta.key) is None)

    def range_fault(self, guard: Guard, byte_range: ByteRange, /) -> StorageError | None:
        """The error for a range that no object could have."""
        start, stop = byte_range
        if start < 0 or (stop is not None and stop < start):
            return guard.failed(f"the range {start}:{stop} is none. Count from 0, and stop where it starts or later.")
        return None
