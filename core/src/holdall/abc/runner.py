"""`TaskRunner`: a pool of threads, processes or machines that runs submitted calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from holdall.types import Call


class TaskRunner(ABC):
    """Pool of one run: made on its first `submit`, shut down when that run ends."""

    slug: ClassVar[str]
    remote: ClassVar[bool] = False
    """Whether calls run in other processes, and so are pickled, without the secrets of their storages.

    `submit` then sends `call.secrets.reveal()` to the worker apart from the pickle, by a way that nobody else can read, and
    the worker calls the call with `Secrets` of it. Without that, calls whose storages have secrets fail there.
    """

    @abstractmethod
    def submit(self, call: Call, /) -> Future[Any]:
        """Starts a call, or queues it; the future has what `call()` returns or raises."""

    @abstractmethod
    def shutdown(self, *, wait: bool = True) -> None:
        """Ends the workers once the submitted calls are done; with `wait`, returns only then."""

    def duplicate(self) -> TaskRunner:
        """Returns a new pool with the same configuration, for another run."""
        return type(self)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.shutdown()
