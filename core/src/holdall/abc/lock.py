"""`LockManager` and `Lease`: locks on keys, each with one holder at a time on any machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from holdall.abc.storage import Storage
    from holdall.types import ObjectMeta

LEASE_SECONDS: Final = 30.0
"""Default of the seconds that a lease outlives a holder that died."""


class Lease(ABC):
    """Held lock; leaving the `with` block releases it.

    `token` is a fencing token: it grows with each holder of the key, from 1, and stays readable after the release.
    """

    token: int

    @property
    def held(self) -> bool:
        """Whether no other caller can have taken the lock, as far as is known without I/O; `refresh` does the I/O."""
        return True

    @abstractmethod
    def refresh(self) -> None:
        """Extends the lease, and updates `held`; does nothing for a lock that cannot expire.

        Raises:
            StorageError: the backend of the lock failed. Until it expires, the lease is held all the same.
        """

    @abstractmethod
    def release(self) -> None:
        """Releases the lock; idempotent, from any thread.

        Raises no error: a lease whose release cannot be written expires.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.release()


class LockManager(ABC):
    """Acquires leases. The lease of a holder that died expires by itself."""

    slug: ClassVar[str]
    remote: ClassVar[bool] = True
    """Whether acquire and release are network calls, which do not belong on an event loop."""
    patience: float = 1.0
    """Longest sleep of a waiter, in seconds, between two calls of `acquire` with `timeout=0`."""

    @classmethod
    @abstractmethod
    def for_storage(cls, storage: Storage, /, *, lease_seconds: float) -> Self | None:
        """Makes the manager of locks on keys of a storage; None if it cannot lock there.

        Equal keys of two storages are two locks: `storage.location()` tells the storages apart.

        Args:
            storage: the storage of the results that the locks are for. Its errors are `HoldallError`s.
            lease_seconds: how long a lease outlives a holder that has died.

        Raises:
            ConfigurationError: what it needs is not configured.
        """

    @abstractmethod
    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        """Waits for the lock at most `timeout` seconds (None: without limit); returns None if it stayed taken."""

    # Derived; override if a lock leaves objects or files that outlive its holders.

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        """Deletes what is left of released and expired locks, last modified before `before` (seconds since the epoch).

        Returns what was deleted, or would be.
        """
        del before, dry_run
        return []
