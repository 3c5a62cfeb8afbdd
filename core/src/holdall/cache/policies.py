"""When two calls are the same call: cache keys and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.digest import digest

if TYPE_CHECKING:
    from collections.abc import Callable


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
