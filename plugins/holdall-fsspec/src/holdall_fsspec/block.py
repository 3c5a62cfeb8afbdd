"""Base class of remote storage blocks: client per process, key rules, error mapping, limits."""

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
    """Base class of the blocks of this package and of the plugins that use it.

    Beside the result itself, writing needs `chunk_size * (concurrency + 3)` bytes of memory, and the pieces under way a
    second time in the buffers of the event loop on Python 3.11; reading needs next to nothing.
    """

    chunk_size: int = Field(default=8 << 20, ge=5 << 20, multiple_of=256 << 10)
    """Bytes of one piece of a large object, in each direction."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Pieces of one object that are transferred at once."""
    map_above: int | None = Field(default=None, ge=0)
    """Read objects of more bytes than this into a temporary file that is mapped, and not into memory."""
    connect_timeout: float = Field(default=10, gt=0)
    """Seconds."""
    read_timeout: float = Field(default=60, gt=0)
    """Seconds without a byte, not for a whole object."""
    timeout: float | None = Field(default=None, gt=0)
    """Seconds for a whole operation, however large; None: as long as bytes keep coming."""
    max_attempts: int = Field(default=4, ge=1, le=20)
    """How often a request is sent before its failure is final, if the service is busy or the network breaks."""

    # By process id: a forked child does not use the sockets and the event loop of its parent.
    _clients: dict[int, Any] = PrivateAttr(default_factory=dict)

    @abstractmethod
    def new_client(self) -> Any:
        """Creates a client of this block alone, which caches neither listings nor objects.

        Called by the first request of each process; nothing of the backend is imported before.
        """

    @property
    @abstractmethod
    def root(self) -> str:
        """Prefix of every object's name inside the container, without a slash at the end; may be empty."""

    @property
    @abstractmethod
    def container(self) -> str:
        """The bucket or container in words, for messages: "the bucket 'lake'"."""

    @property
    def shown(self) -> str:
        """The block in messages, without its secrets."""
        return f"{type(self).__name__}({next(iter(self.location().values()), '')!r})"

    @property
    def endpoint(self) -> str:
        """The server in words, for messages."""
        return "the service"

    @property
    def credentials_advice(self) -> str:
        """Advice how to give this block credentials, a sentence for messages."""
        return "Give the block credentials, or set those of the environment."

    @property
    def limits(self) -> ClientLimits:
        """Timeouts and numbers of requests, from the fields of this class."""
        return ClientLimits(self.connect_timeout, self.read_timeout, self.timeout, self.concurrency, self.max_attempts)

    @property
    def client(self) -> Any:
        """The client of this block in this process, made on first use."""
        client = self._clients.get(os.getpid())
        if client is None:
            # Two threads may both create one; it connects on its first call, so the second one costs nothing.
            client = self._clients.setdefault(os.getpid(), self.new_client())
        return client

    def close(self) -> None:
        """Releases the client of this process and its connections; the next request creates another."""
        self._clients.pop(os.getpid(), None)

    def name_of(self, key: str, /) -> str:
        """Returns the name of the key's object inside the container; raises `ConfigurationError` for an invalid key."""
        return keys.checked(key, root=self.root)

    def check_key(self, key: str, /) -> None:
        self.name_of(key)

    def guard(self, key: str, operation: str) -> Guard:
        """Returns a context manager for calls of the backend that maps their exceptions to `StorageError`s."""
        return Guard(
            block=self.block_slug or self.slug,
            shown=self.shown,
            container=self.container,
            endpoint=self.endpoint,
            credentials=self.credentials_advice,
            key=key,
            operation=operation,
        )

    def listed(self, metas: list[ObjectMeta], /) -> Iterator[ObjectMeta]:
        """Sorts a listing by code points, and leaves out names that are not keys.

        The stores' own order is not reliable: SeaweedFS and the GCS and Azure emulators sort by folder. Names that end
        with a slash are markers that consoles create for "folders".
        """
        metas.sort(key=lambda meta: meta.key)
        return (meta for meta in metas if keys.fault(meta.key) is None)

    def range_fault(self, guard: Guard, byte_range: ByteRange, /) -> StorageError | None:
        """Returns the error for a range that no object can have."""
        start, stop = byte_range
        if start < 0 or (stop is not None and stop < start):
            return guard.failed(
                f"the range {start}:{stop} is not valid. Count from 0, and stop where it starts or later."
            )
        return None
