"""Who may do it now: one holder per key, wherever the callers run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from types import TracebackType


class Lease(ABC):
    """A held lock; leaving the `with` block releases it. `token` grows with each holder of the key (fencing)."""

    token: int

    @abstractmethod
    def refresh(self) -> None:
        """Put off the expiry; a lock that cannot expire does nothing."""

    @abstractmethod
    def release(self) -> None:
        """Idempotent; may be called from another thread than the one that acquired."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.release()


class LockManager(ABC):
    """Makes leases. A holder that dies loses its lease without anybody's help."""

    slug: ClassVar[str]

    @abstractmethod
    def acquire(self, key: str, /, *, timeout: float | None = None) -> Lease | None:
        """Wait for the lock at most `timeout` seconds (None: for ever); None where it stayed taken."""
