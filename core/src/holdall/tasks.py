"""The `@task` decorator, the class `Task`, and its base `Runnable`, which flows share."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    Unpack,
    get_origin,
    get_type_hints,
    overload,
)

from holdall.declaration.definition import AnyDefinition, Definition, check_names
from holdall.declaration.options import Declared, Options, explicit
from holdall.declaration.resolution import Resolution, resolve
from holdall.declaration.retry_delay import exponential_backoff
from holdall.engine.call import call
from holdall.engine.inputs import unmapped
from holdall.settings.model import current as current_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from holdall.cache import task_input_hash
    from holdall.engine.future import Future, Futures
    from holdall.engine.state import State

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

__all__ = ["Runnable", "Task", "exponential_backoff", "task", "task_input_hash", "unmapped"]

_HOMES = {"task_input_hash": "cache.policies"}


class Stateful(Protocol[P, T_co]):
    """Task or flow whose calls return the state, as `with_options(return_state=True)` returns it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> State[T_co]: ...


class StatefulAsync(Protocol[P, T_co]):
    """`Stateful` of an `async def` function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, State[T_co]]: ...


class Runnable(Definition[P, R_co]):
    """Base of `Task` and `Flow`: a function whose calls are runs.

    PEP 612 does not allow extra keywords, so a type checker rejects `return_state=` and `wait_for=` in a call, which work at
    run time; it accepts `with_options(return_state=True)`.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return call(self, args, kwargs)  # type: ignore[no-any-return]  # what the function returns

    @overload
    def submit(self: Runnable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
    @overload
    def submit(self: Runnable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Starts a run on the task runner.

        Args:
            args: Inputs of the function; futures and states among them are replaced by their results.
            kwargs: Inputs by name; `wait_for=[…]` are futures to wait for before the run starts.
        """
        from holdall.runners.submit import submit

        wait_for = kwargs.pop("wait_for", self.options.wait_for)
        return submit(self, args, kwargs, wait_for)

    @overload
    def map(self: Runnable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> Futures[T]: ...
    @overload
    def map(self: Runnable[..., T], *args: Any, **kwargs: Any) -> Futures[T]: ...
    def map(self, *args: Any, **kwargs: Any) -> Futures[Any]:
        """Submits one run for each position of the iterables; other inputs, and those in `unmapped(…)`, go to all.

        Raises:
            ConfigurationError: there is no iterable among the inputs, or they differ in length.
        """
        from holdall.runners.submit import submit_all

        return submit_all(self, args, kwargs, kwargs.pop("wait_for", self.options.wait_for))

    @overload
    def with_options(  # type: ignore[overload-overlap]  # an awaitable T is the first form, whatever the second says
        self: Runnable[P, Coroutine[Any, Any, T]], *, return_state: Literal[True], **options: Unpack[Declared]
    ) -> StatefulAsync[P, T]: ...
    @overload
    def with_options(
        self: Runnable[P, T], *, return_state: Literal[True], **options: Unpack[Declared]
    ) -> Stateful[P, T]: ...
    @overload
    def with_options(self, **options: Unpack[Declared]) -> Self: ...
    def with_options(self, **options: Any) -> Any:
        """Returns a copy with changed options; see `holdall.declaration.options.Declared`.

        With `return_state=True`, its calls return a `State` instead of the value.

        Raises:
            ConfigurationError: an option does not exist or cannot have the value.
        """
        return self.replaced(options)

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: Runnable[Concatenate[Any, P2], T], instance: object, owner: type | None = None, /
    ) -> Runnable[P2, T]: ...
    def __get__(self, instance: object | None, owner: type | None = None, /) -> Any:
        return self if instance is None else self.bound_to(instance)

    def key_parts(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, str]:
        """Returns the parts of the cache key of a call: digests by what they are of, sorted. Runs nothing.

        Two calls that should share a result but do not differ in one of these parts. Empty if the function is not cached.

        Raises:
            ConfigurationError: an input, or a value that the function reaches, cannot be counted.
        """
        from holdall.engine.cached_call import key_parts

        return key_parts(self, args, kwargs)

    def explain(self, *, flow: Definition[Any, Any] | Sequence[Definition[Any, Any]] = ()) -> Resolution:
        """Returns whether, where and how its results are stored, and why; `str()` of it is in sentences. Runs nothing.

        Args:
            flow: The flow that calls it, or several, the outermost first.
        """
        settings = current_settings(os.getcwd())
        scope = None
        for outer in [flow] if isinstance(flow, Definition) else flow:
            scope = resolve(outer.kind, outer.options, scope, settings).scope(outer.options, scope)
        return with_notes(resolve(self.kind, self.options, scope, settings), self)


class Task(Runnable[P, R_co]):
    """Function whose calls are cached, retried and stored as its options and the flows around it say."""

    kind: ClassVar[Literal["task"]] = "task"


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[Declared]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **options: Unpack[Declared]) -> Any:
    """Makes a function a task.

    Args:
        fn: The function; absent when the decorator is called with options.
        options: See `holdall.declaration.options.Declared`.

    Raises:
        ConfigurationError: the function or an option cannot work.
    """
    return decorate(Task, "task", fn, options)


def decorate(cls: Callable[[Any, Options], Any], kind: str, fn: Any, options: Declared) -> Any:
    """Returns the decorated function, or a decorator if `fn` is None."""
    check_names(kind, options)

    def decorator(function: Any) -> Any:
        name = getattr(function, "__name__", None) or type(function).__name__
        return cls(function, Options(**{"name": name, **explicit(options)}))

    return decorator if fn is None else decorator(fn)


def with_notes(resolution: Resolution, definition: AnyDefinition, /) -> Resolution:
    """Returns the resolution with notes on the function: the serializer that `auto` chooses, and what its key cannot count."""
    return replace(_with_auto_choice(resolution, definition), not_counted=_not_counted(definition))


def _not_counted(definition: AnyDefinition) -> tuple[str, ...]:
    if definition.options.caching != "cache_policy":
        return ()
    from holdall.cache.digest import Walk
    from holdall.cache.parts import Code

    places: dict[str, None] = {}
    for part in getattr(definition.options.cache_policy, "parts", ()):
        if isinstance(part, Code):
            for place in definition.identity.reach(part).unfollowed(Walk()):
                places[f"{place.where}: {place.expression} {place.reason}"] = None
    return tuple(places)


def _with_auto_choice(resolution: Resolution, definition: AnyDefinition, /) -> Resolution:
    """Adds which serializer `auto` chooses for the class in the return annotation."""
    decision = resolution.serializer
    if not resolution.persist.value or getattr(decision.value, "slug", decision.value) != "auto":
        return resolution
    from holdall.builtin import candidates

    cls = _returned_class(definition)
    choice = "it chooses by each value" if cls is None else candidates.reason(cls)
    return replace(resolution, serializer=replace(decision, reason=f"{decision.reason}; {choice}"))


def _returned_class(definition: AnyDefinition) -> type | None:
    """Returns the class in the return annotation; None if it has none."""
    from inspect import unwrap

    try:
        hint = get_type_hints(unwrap(definition.fn)).get("return")
    except (NameError, TypeError, AttributeError):  # names that exist for type checkers alone
        return None
    cls = get_origin(hint) or hint
    return cls if isinstance(cls, type) and cls not in {type(None), object, Any} else None


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)
