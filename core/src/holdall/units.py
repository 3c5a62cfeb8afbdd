"""What tasks and flows have in common: a function, its options, and what can be asked of them without running."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, ParamSpec, Self, TypeVar

from holdall.errors import ConfigurationError
from holdall.options import Options
from holdall.retries import check_delay

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE, without importing inspect
_CALL_KEYWORDS: Final = frozenset({"return_state", "wait_for"})


class Unit(Generic[P, R_co]):
    """A function that holdall runs. Compared by identity; pickles by name where its module holds it."""

    kind: ClassVar[Literal["task", "flow"]]
    fn: Callable[P, R_co]

    def __init__(self, fn: Callable[P, R_co], options: Options) -> None:
        code = getattr(fn, "__code__", None)
        if not callable(fn):
            raise ConfigurationError(f"@{self.kind} decorates a function, not {fn!r}.")
        taken = _CALL_KEYWORDS.intersection(
            code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ()
        )
        if taken:
            name = min(taken)
            raise ConfigurationError(
                f"{options.name} has a parameter named {name!r}, a keyword of every {self.kind} call. Rename it."
            )
        _check(options, self.kind)
        self.fn = fn
        self.options = options
        self.is_async = bool(code is not None and code.co_flags & _COROUTINE)
        self.function_name = f"{fn.__module__}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
        self.plan_alone: Any = None
        self.plan_key = object()
        self.__wrapped__ = fn
        self.__name__ = getattr(fn, "__name__", options.name)
        self.__qualname__ = getattr(fn, "__qualname__", options.name)
        self.__module__ = fn.__module__
        self.__doc__ = fn.__doc__

    @property
    def name(self) -> str:
        return self.options.name

    @cached_property
    def signature(self) -> inspect.Signature:
        from inspect import signature  # noqa: PLC0415 - only calls that need their parameters by name pay for it

        return signature(self.fn)

    @cached_property
    def source(self) -> str:
        """The source text where there is one, else a digest of the code: what TASK_SOURCE compares."""
        from hashlib import sha256  # noqa: PLC0415 - as in signature
        from inspect import getsource  # noqa: PLC0415 - as in signature

        try:
            return getsource(self.fn)
        except (OSError, TypeError):
            code = getattr(self.fn, "__code__", None)
            return sha256(code.co_code + repr(code.co_names).encode()).hexdigest() if code else repr(self.fn)

    @cached_property
    def uncached(self) -> Self:
        """The same without caching: how a call runs whose cache key is None."""
        return self.replaced({"cache_key_fn": None, "cache_policy": None})

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Parameters by name, defaults included. Raises TypeError as the call itself would."""
        if len(args) == self._plain_names and not kwargs:
            return dict(zip(self.signature.parameters, args, strict=True))
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        instance = getattr(self.fn, "__self__", None)
        return bound.arguments if instance is None else {"self": instance, **bound.arguments}

    @cached_property
    def _plain_names(self) -> int:
        """How many parameters there are where all may go by position, else -1: `bind` then need not ask inspect."""
        kinds = [parameter.kind for parameter in self.signature.parameters.values()]
        plain = all(kind.name in {"POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD"} for kind in kinds)
        return len(kinds) if plain and not hasattr(self.fn, "__self__") else -1

    def bound_to(self, instance: object) -> Self:
        """As a method of the instance; shares the resolved plans, as the options are the same."""
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        for cached in ("signature", "_plain_names"):
            bound.__dict__.pop(cached, None)
        bound.fn = self.fn.__get__(instance)
        return bound

    def replaced(self, changes: Mapping[str, Any]) -> Self:
        """A copy with other options."""
        check_names(self.kind, changes)
        return type(self)(self.fn, replace(self.options, **changes))

    def __repr__(self) -> str:
        return f"<{self.kind} {self.function_name}>"

    def __reduce__(self) -> Any:
        # By name where the name leads back here; else by value, which needs cloudpickle for the function.
        if self.__module__ != "__main__" and _found(self.__module__, self.__qualname__) is self:
            return _found, (self.__module__, self.__qualname__)
        return type(self), (self.fn, self.options)


def check_names(kind: str, options: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for an option that does not exist, with the nearest that does."""
    known = Options.__dataclass_fields__
    for name in options:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

            near = get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" It has {', '.join(sorted(known))}."
            raise ConfigurationError(f"A {kind} has no option {name!r}.{hint}")


def _found(module: str, qualname: str) -> Any:
    try:
        found: Any = import_module(module)
        for part in qualname.split("."):
            found = found.__dict__[part] if isinstance(found, type) else getattr(found, part)
    except (ImportError, AttributeError, KeyError):
        return None
    return found


def _check(options: Any, kind: str) -> None:
    if options.persist_result not in (None, True, False):
        raise ConfigurationError(f"persist_result is True, False or None, not {options.persist_result!r}.")
    if not isinstance(options.retries, int) or options.retries < 0:
        raise ConfigurationError(f"retries is a whole number from 0 on, not {options.retries!r}.")
    if options.cache_key_fn is not None and not callable(options.cache_key_fn):
        raise ConfigurationError(
            f"cache_key_fn is a function of (context, parameters) that returns a text or None, not "
            f"{options.cache_key_fn!r}."
        )
    if options.on_storage_error not in {"raise", "run"}:
        raise ConfigurationError(f"on_storage_error is 'raise' or 'run', not {options.on_storage_error!r}.")
    if options.cache_policy is not None and not hasattr(options.cache_policy, "key"):
        raise ConfigurationError(
            f"cache_policy is a policy of holdall.cache, as INPUTS or INPUTS + TASK_SOURCE, not {options.cache_policy!r}."
        )
    if options.cache_expiration is not None and not hasattr(options.cache_expiration, "total_seconds"):
        raise ConfigurationError(
            f"cache_expiration is a timedelta, as timedelta(hours=1), not {options.cache_expiration!r}."
        )
    if options.cache_key_fn is not None and options.cache_policy is not None:
        raise ConfigurationError(f"Give the {kind} {options.name!r} a cache_key_fn or a cache_policy, not both.")
    check_delay(options.retry_delay_seconds)
