"""The `@task` decorator and what it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeVar, Unpack, overload

from holdall.declaration.retry_delay import exponential_backoff
from holdall.runnable import Runnable, decorated
from holdall.runners.submit_ import unmapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.cache import task_input_hash
    from holdall.declaration.options import Declared

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

__all__ = ["Task", "exponential_backoff", "task", "task_input_hash", "unmapped"]

_HOMES = {"task_input_hash": "cache.policies"}


class Task(Runnable[P, R_co]):
    """A function whose calls are runs of their own: cached, retried, kept as its options and the flows around say."""

    kind: ClassVar[Literal["task"]] = "task"


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[Declared]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **options: Unpack[Declared]) -> Any:
    """Make a function a task; see `holdall.declaration.options.Declared` for the options."""
    return decorated(Task, "task", fn, options)


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)
