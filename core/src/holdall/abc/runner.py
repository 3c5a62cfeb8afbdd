"""Where submitted calls run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from holdall.types import Call


class TaskRunner(ABC):
    """A pool of one run: made on its first `submit`, shut down when that run ends."""

    slug: ClassVar[str]
    remote: ClassVar[bool] = False
    """Whether calls leave this process, and so are pickled, without the secrets of their storages.

    `submit` then sends `call.secrets.reveal()` to the worker apart from the pickle, by a way that nobody else can read, and
    the worker calls the call with `Secrets` of it. Without that, calls whose storages hold secrets fail there.
    """

    @abstractmethod
    def submit(self, call: Call, /) -> Future[Any]: ...

    @abstractmethod
    def shutdown(self, *, wait: bool = True) -> None:
        """Let the workers go once what was submitted is done; with `wait`, return only then."""

    def duplicate(self) -> TaskRunner:
        """A fresh pool with the same configuration, for another run."""
        return type(self)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.shutdown()
