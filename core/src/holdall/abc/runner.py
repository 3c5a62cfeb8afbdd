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
    """Whether calls leave this process, and so are pickled."""

    @abstractmethod
    def submit(self, call: Call, /) -> Future[Any]: ...

    @abstractmethod
    def shutdown(self) -> None:
        """Wait for what was submitted, then let the workers go."""

    def duplicate(self) -> TaskRunner:
        """A fresh pool with the same configuration, for another run."""
        return type(self)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.shutdown()
