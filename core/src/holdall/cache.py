"""When two calls are the same call: cache keys, policies, and who computes a missing one."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from holdall.digest import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from holdall.abc.lock import LockManager
    from holdall.abc.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheContext:
    """The first argument of a `cache_key_fn`. `flow_run` is None for a call outside any flow."""

    task: Any
    run: Any
    flow_run: Any
    parameters: dict[str, Any]

    @property
    def task_run(self) -> Any:
        """The run by the name that the field's other tools give it."""
        return self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """A way to make a cache key; `INPUTS + TASK_SOURCE` counts both."""

    name: str
    part: Callable[[CacheContext], Any]
    never: bool = False

    def key(self, context: CacheContext) -> str | None:
        return None if self.never else digest(self.part(context))

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if self.never or other.never:
            return other if self.never else self
        return CachePolicy(
            name=f"{self.name} + {other.name}", part=lambda context: (self.part(context), other.part(context))
        )

    def __repr__(self) -> str:
        return self.name


NONE: Final = CachePolicy(name="NONE", part=lambda _: None, never=True)
INPUTS: Final = CachePolicy(name="INPUTS", part=lambda context: (context.task.function_name, context.parameters))
TASK_SOURCE: Final = CachePolicy(name="TASK_SOURCE", part=lambda context: context.task.source)
RUN_ID: Final = CachePolicy(
    name="RUN_ID", part=lambda context: context.run.id if context.flow_run is None else context.flow_run.id
)
DEFAULT: Final = INPUTS + TASK_SOURCE


def task_input_hash(context: CacheContext, parameters: dict[str, Any]) -> str:
    """A `cache_key_fn`: the task, its source and its inputs. Same call, same key, in any process."""
    return digest((context.task.function_name, context.task.source, parameters))


# Keys that the calls around this one are computing already: a recursion on its own key must not wait for itself.
_computing: ContextVar[tuple[str, ...]] = ContextVar("holdall_computing", default=())


@contextmanager
def _marked(key: str) -> Iterator[None]:
    token = _computing.set((*_computing.get(), key))
    try:
        yield
    finally:
        _computing.reset(token)


def computing(key: str) -> AbstractContextManager[None]:
    """Around the body that computes `key`."""
    return _marked(key)


def lock_for(storage: Storage, key: str, /) -> LockManager | None:
    """What makes the body of a cold key run once, where the storage can lock; None where it cannot, or we hold it."""
    if key in _computing.get():
        return None
    lock_path: Callable[[str], str] | None = getattr(storage, "lock_path", None)
    if lock_path is None:
        return None
    from holdall.builtin.filelock import FileLockManager  # noqa: PLC0415 - 40 ms that only a cold key pays

    return FileLockManager(lock_path)


unlocked: Final = nullcontext
