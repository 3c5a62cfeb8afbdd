"""Options that a user declares on a task or flow, before resolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

from holdall.declaration.retry_delay import check_delay
from holdall.errors import ConfigurationError


class Declared(TypedDict, total=False):
    """Keywords of `@task`, `@flow` and `with_options`. One that is absent or None is left to resolution.

    - `name`: its name in runs and messages; the function's name by default.
    - `persist_result`: whether its results are stored; on a flow, also those of the runs inside it.
    - `result_storage`: a slug ("s3/prod"), a block, a path or a URL.
    - `result_serializer`: a name ("json", "compressed/pickle") or a serializer.
    - `result_storage_key`: the key to store the result under, as "{flow_run.name}/{parameters[day]}".
    - `cache_result_in_memory`: whether states and references hold the value in memory (default: yes).
    - `cache_key_fn`: a function of (context, parameters) that returns the cache key, or None for a call that is not cached.
    - `cache_policy`: what the cache key is computed from, as `holdall.cache.DEFAULT`.
    - `cache_version`: a text or number that is part of the key, whatever the policy counts.
    - `cache_expiration`: how long a cached result is valid.
    - `refresh_cache`: runs the body and replaces the cached result.
    - `on_storage_error`: "raise" (default), "spool" results that the storage does not accept, or "run" the body also if the
      cache cannot be read. As `on_failure` of a block; the more lenient of the two counts.
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
    cache_version: str | int | None
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
    """All options with their defaults; see `Declared` for what each means."""

    name: str
    persist_result: bool | None = None
    result_storage: Any = field(default=None, repr=False)
    result_serializer: Any = None
    result_storage_key: str | None = None
    cache_result_in_memory: bool = True
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None
    cache_policy: Any = None
    cache_version: str | int | None = None
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
        """Name of the option that enables caching, or None."""
        if self.cache_key_fn is not None:
            return "cache_key_fn"
        if self.cache_policy is not None and not getattr(self.cache_policy, "never", False):
            return "cache_policy"
        return None


def explicit(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def reset(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the defaults of the options that are None."""
    defaults = Options.__dataclass_fields__
    return {name: defaults[name].default for name, value in options.items() if value is None and name != "name"}


def check(options: Any, kind: str) -> None:  # noqa: C901 - a list of checks, one after another
    """Checks the values of options.

    Raises:
        ConfigurationError: one of them is not valid.
    """
    if not isinstance(options.name, str) or not options.name:
        raise ConfigurationError(f"The name of a {kind} is a text that is not empty, not {options.name!r}.")
    if options.persist_result is not None and not isinstance(options.persist_result, bool):
        raise ConfigurationError(f"persist_result is True, False or None, not {options.persist_result!r}.")
    if not isinstance(options.retries, int) or options.retries < 0:
        raise ConfigurationError(f"retries is a whole number from 0 on, not {options.retries!r}.")
    if options.cache_key_fn is not None and not callable(options.cache_key_fn):
        raise ConfigurationError(
            f"cache_key_fn is a function of (context, parameters) that returns a text or None, not "
            f"{options.cache_key_fn!r}."
        )
    if options.on_storage_error not in {"raise", "spool", "run"}:
        raise ConfigurationError(f"on_storage_error is 'raise', 'spool' or 'run', not {options.on_storage_error!r}.")
    if options.cache_key_fn is not None and options.cache_policy is not None:
        raise ConfigurationError(f"Give the {kind} {options.name!r} a cache_key_fn or a cache_policy, not both.")
    if options.cache_policy is not None and not callable(getattr(options.cache_policy, "key", None)):
        raise ConfigurationError(
            f"cache_policy is a policy of holdall.cache, as DEFAULT or INPUTS + SOURCE, not {options.cache_policy!r}."
        )
    if options.cache_version is not None and type(options.cache_version) not in {str, int}:
        raise ConfigurationError(f"cache_version is a text or a whole number, not {options.cache_version!r}.")
    if options.cache_version is not None and options.cache_key_fn is not None:
        raise ConfigurationError(
            f"The {kind} {options.name!r} has a cache_key_fn, which says itself what counts: put the version into its text."
        )
    if options.cache_expiration is not None and not isinstance(options.cache_expiration, timedelta):
        raise ConfigurationError(
            f"cache_expiration is a timedelta, as timedelta(hours=1), not {options.cache_expiration!r}."
        )
    if options.result_storage_key is not None and not isinstance(options.result_storage_key, str):
        raise ConfigurationError(f"result_storage_key is a text, not {options.result_storage_key!r}.")
    if options.retry_condition_fn is not None and not callable(options.retry_condition_fn):
        raise ConfigurationError(
            f"retry_condition_fn is a function of (task, run, state) that says whether to retry, not "
            f"{options.retry_condition_fn!r}."
        )
    check_delay(options.retry_delay_seconds)
