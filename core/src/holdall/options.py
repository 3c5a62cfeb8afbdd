"""What a user declares on a task or flow, before anything is resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta


class Declared(TypedDict, total=False):
    """The keywords of `@task`, `@flow` and `with_options`. Left out or None: "not said", and resolution decides.

    - `name`: what runs and messages call it; the function's name by default.
    - `persist_result`: whether its results are kept; says it for the runs inside a flow too.
    - `result_storage`: a slug ("s3/prod"), a block, a path or a URL.
    - `result_serializer`: a name ("json", "compressed/pickle") or a serializer.
    - `result_storage_key`: the key to keep the result under, as "{flow_run.name}/{parameters[day]}".
    - `cache_result_in_memory`: whether states and references hold on to the object (default: yes).
    - `cache_key_fn`: a function of (context, parameters) that returns the cache key, or None for "not this call".
    - `cache_policy`: a ready-made way to a cache key, as `holdall.cache.INPUTS`.
    - `cache_expiration`: how long a cached result is good for.
    - `refresh_cache`: run the body and replace what is cached.
    - `on_storage_error`: "raise" (default), or "run" the body where the cache cannot be asked.
    - `retries`, `retry_delay_seconds`, `retry_condition_fn(task, run, state)`: how often, after how long, and whether.
    - `task_runner`: "threads" (default), "processes" or a TaskRunner, for what is submitted inside it.
    - `wait_for`: futures and states to wait for before a call starts.
    """

    name: str | None
    persist_result: bool | None
    result_storage: Any
    result_serializer: Any
    result_storage_key: str | None
    cache_result_in_memory: bool
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None
    cache_policy: Any
    cache_expiration: timedelta | None
    refresh_cache: bool
    on_storage_error: str
    retries: int
    retry_delay_seconds: float | Sequence[float] | Callable[[int], Sequence[float]] | None
    retry_condition_fn: Callable[[Any, Any, Any], bool] | None
    task_runner: Any
    wait_for: Iterable[Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The same, complete; `Declared` says what each means."""

    name: str
    persist_result: bool | None = None
    result_storage: Any = None
    result_serializer: Any = None
    result_storage_key: str | None = None
    cache_result_in_memory: bool = True
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None
    cache_policy: Any = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool = False
    on_storage_error: str = "raise"
    retries: int = 0
    retry_delay_seconds: float | Sequence[float] | Callable[[int], Sequence[float]] | None = None
    retry_condition_fn: Callable[[Any, Any, Any], bool] | None = None
    task_runner: Any = None
    return_state: bool = False
    wait_for: Iterable[Any] | None = None

    @property
    def caching(self) -> str | None:
        """The option that asks for caching, or None."""
        if self.cache_key_fn is not None:
            return "cache_key_fn"
        if self.cache_policy is not None and not getattr(self.cache_policy, "never", False):
            return "cache_policy"
        return None
