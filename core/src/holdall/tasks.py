"""The `@task` decorator, what it makes, and what tasks and flows have in common."""

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
from holdall.declaration.options import Declared, Options, said
from holdall.declaration.resolution import Resolution, resolve
from holdall.declaration.retry_delay import exponential_backoff
from holdall.engine.call import call
from holdall.engine.inputs import unmapped
from holdall.settings import model as settings

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
    """A task or flow whose calls return the state: what `with_options(return_state=True)` gives."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> State[T_co]: ...


class StatefulAsync(Protocol[P, T_co]):
    """The same for an `async def` function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, State[T_co]]: ...


class Runnable(Definition[P, R_co]):
    """Base of Task and Flow.

    PEP 612 has no room for extra keywords, so `return_state=` and `wait_for=` in a call work when it runs, and
    `with_options(return_state=True)` is the way that type checkers follow.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return call(self, args, kwargs)  # type: ignore[no-any-return]  # what the function returns

    @overload
    def submit(self: Runnable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
    @overload
    def submit(self: Runnable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a run on the task runner; inputs may be futures. `wait_for=[…]` names futures to wait for first."""
        from holdall.runners.submit import submit

        wait_for = kwargs.pop("wait_for", self.options.wait_for)
        return submit(self, args, kwargs, wait_for)

    @overload
    def map(self: Runnable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> Futures[T]: ...
    @overload
    def map(self: Runnable[..., T], *args: Any, **kwargs: Any) -> Futures[T]: ...
    def map(self, *args: Any, **kwargs: Any) -> Futures[Any]:
        """Submit one run for each position of the iterables; other inputs, and those in `unmapped(…)`, go to all."""
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
        """A copy with these options changed; see `holdall.declaration.options.Declared` for what each means.

        With `return_state=True`, its calls return a `State` instead of the value.
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
        """What the cache key of such a call counts: digests by what they are of, in sorted order. Runs nothing.

        Two calls that should share a result and do not differ in the parts that this shows. Empty for a function that is
        not cached.

        Raises:
            ConfigurationError: an input, or what the function reaches, cannot be counted.
        """
        from holdall.engine.cached_call import key_parts

        return key_parts(self, args, kwargs)

    def explain(self, *, flow: Definition[Any, Any] | Sequence[Definition[Any, Any]] = ()) -> Resolution:
        """Where a result of it will be stored, when, and why: printed, in sentences. Runs nothing.

        `flow` is the flow that calls it, or several from the outermost in.
        """
        found = settings.current(os.getcwd())
        scope = None
        for around in [flow] if isinstance(flow, Definition) else flow:
            scope = resolve(around.kind, around.options, scope, found).scope(around.options, scope)
        return with_notes(resolve(self.kind, self.options, scope, found), self)


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


def decorated(cls: Callable[[Any, Options], Any], kind: str, fn: Any, options: Declared) -> Any:
    """A bare or a called decorator."""
    check_names(kind, options)

    def decorate(function: Any) -> Any:
        named = getattr(function, "__name__", None) or type(function).__name__
        return cls(function, Options(**{"name": named, **said(options)}))

    return decorate if fn is None else decorate(fn)


def with_notes(resolution: Resolution, definition: AnyDefinition, /) -> Resolution:
    """The resolution, and what only the function itself tells: the serializer that `auto` takes, what its key misses."""
    return replace(_with_choice(resolution, definition), not_counted=_not_counted(definition))


def _not_counted(definition: AnyDefinition) -> tuple[str, ...]:
    if definition.options.caching != "cache_policy":
        return ()
    from holdall.cache.digest import Walk
    from holdall.cache.parts import Code

    found: dict[str, None] = {}
    for part in getattr(definition.options.cache_policy, "parts", ()):
        if isinstance(part, Code):
            for each in definition.identity.reach(part).unfollowed(Walk()):
                found[f"{each.where}: {each.expression} {each.reason}"] = None
    return tuple(found)


def _with_choice(resolution: Resolution, definition: AnyDefinition, /) -> Resolution:
    """Where the serializer is chosen by the value: what the annotation of the returned one leads to here."""
    decision = resolution.serializer
    if not resolution.persist.value or getattr(decision.value, "slug", decision.value) != "auto":
        return resolution
    from holdall.builtin import candidates

    kind = _returned(definition)
    said = "it chooses by each value" if kind is None else candidates.reason(kind)
    return replace(resolution, serializer=replace(decision, reason=f"{decision.reason}; {said}"))


def _returned(definition: AnyDefinition) -> type | None:
    """The class that the body says it returns, if it says one."""
    from inspect import unwrap

    try:
        hint = get_type_hints(unwrap(definition.fn)).get("return")
    except (NameError, TypeError, AttributeError):  # names that only a type checker knows
        return None
    kind = get_origin(hint) or hint
    return kind if isinstance(kind, type) and kind not in {type(None), object, Any} else None


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)
