"""Who may do it now: one holder per key, wherever the callers run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from holdall.abc.storage import Storage
    from holdall.types import ObjectMeta

LEASE_SECONDS: Final = 30.0
"""How long a lease outlives a holder that died, unless configured."""


class Lease(ABC):
    """A held lock; leaving the `with` block releases it.

    `token` grows with each holder of the key and stays readable after the release: whoever gets work from two holders
    can tell the later one (fencing). 1 is that of a holder before whom there was none.
    """

    token: int

    @property
    def held(self) -> bool:
        """Until its release: whether nobody else can have taken it, as far as can be said without asking. `refresh` asks."""
        return True

    @abstractmethod
    def refresh(self) -> None:
        """Put off the expiry, and find out whether it is still `held`; a lock that cannot expire does nothing.

        Raises:
            StorageError: whoever keeps the lock could not be asked. Until it expires, the lease is held all the same.
        """

    @abstractmethod
    def release(self) -> None:
        """Idempotent; may be called from another thread than the one that acquired.

        Never an error: a lease whose release cannot be told to others runs out by itself.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.release()


class LockManager(ABC):
    """Makes leases. A holder that dies loses its lease without anybody's help."""

    slug: ClassVar[str]
    remote: ClassVar[bool] = True
    """Whether to take and to release a lease crosses a network, and so is kept off an event loop."""
    patience: float = 1.0
    """Seconds that a waiter sleeps at most between two calls of `acquire` with `timeout=0`."""

    @classmethod
    @abstractmethod
    def for_storage(cls, storage: Storage, /, *, lease_seconds: float) -> Self | None:
        """A manager of locks on keys of the storage; None where it cannot lock there.

        Equal keys of two storages are two locks: `storage.location()` tells the storages apart.

        Args:
            storage: where the results lie that the locks are for. Its errors are `HoldallError`s.
            lease_seconds: how long a lease outlives a holder that has died.

        Raises:
            ConfigurationError: what it needs is not configured.
        """

    @abstractmethod
    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        """Wait for the lock at most `timeout` seconds (None: for ever); None where it stayed taken."""

    # Derived; override where a lock leaves something behind that outlives its holders.

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        """Remove what is left of locks that nobody holds, last touched before that time.

        Seconds since the epoch. Returns what was removed, or would be.
        """
        del before, dry_run
        return []
