"""Definition: the function and options that a task or flow consists of."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, ParamSpec, Self, TypeAlias, TypeVar

from holdall._cached import cached
from holdall.declaration.options import Options, check, explicit, reset
from holdall.errors import ConfigurationError
from holdall.suggest import suggest

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Mapping

    from holdall.cache.function import Function

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE, without importing inspect
_GENERATOR: Final = 0x20 | 0x200  # inspect.CO_GENERATOR, CO_ASYNC_GENERATOR
_CALL_KEYWORDS: Final = frozenset({"return_state", "wait_for"})


class Definition(Generic[P, R_co]):
    """Function and options of a task or flow. Compared by identity; pickled by name if its module holds it under that name."""

    kind: ClassVar[Literal["task", "flow"]]
    fn: Callable[P, R_co]
    bound_from: tuple[Any, object] | None = None
    """The unbound definition and the instance, if this is a bound method."""
    named: bool | None = None
    """Whether its name identifies it, as the process that pickled it determined; None if it was defined here."""

    def __init__(self, fn: Callable[P, R_co], options: Options) -> None:
        code = _code(fn)
        _check_function(fn, code, options.name, self.kind)
        check(options, self.kind)
        module = getattr(fn, "__module__", None) or type(fn).__module__
        self.fn = fn
        self.options = options
        self.is_async = bool(code is not None and code.co_flags & _COROUTINE)
        self.function_name = f"{module}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
        self.shared: dict[str, Any] = {}
        self.plan_alone: Any = None
        self.plan_key = object()
        self.__wrapped__ = fn
        self.__name__ = getattr(fn, "__name__", options.name)
        self.__qualname__ = getattr(fn, "__qualname__", options.name)
        self.__module__ = module
        self.__doc__ = fn.__doc__

    @property
    def name(self) -> str:
        return self.options.name

    @cached
    def signature(self) -> inspect.Signature:
        from inspect import signature

        return signature(self.fn)

    @cached
    def trusted(self) -> frozenset[str]:
        """Modules that a return annotation given as text names in full; they may be imported for types alone."""
        annotation = getattr(self.fn, "__annotations__", {}).get("return")
        if not isinstance(annotation, str):
            return frozenset()  # what it names is imported already
        dotted = re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", annotation)
        return frozenset(name.rpartition(".")[0] for name in dotted)

    @property
    def identity(self) -> Function:
        """Identity of the function for cache keys and replays, shared by all variants that `with_options` returns."""
        identity: Function | None = self.shared.get("identity")
        if identity is None:
            from holdall.cache.function import Function

            try:
                signature = self.signature
            except (ValueError, TypeError):  # a builtin without a signature, and so without marked parameters
                signature = None
            identity = self.shared.setdefault("identity", Function(self.fn, signature, named=self.named))
        return identity

    @cached
    def key_function(self) -> str | None:
        """Digest of its `cache_key_fn`, for records; None if there is none or it cannot be hashed."""
        from holdall.cache.function import Function

        try:
            return Function(self.options.cache_key_fn, None).as_task()
        except ConfigurationError:
            return None  # it closes over a value that cannot be hashed

    @cached
    def uncached(self) -> Self:
        """Variant without caching, for calls whose cache key is None."""
        return self.replaced({"cache_key_fn": None, "cache_policy": None})

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Returns the parameters by name, defaults included.

        Raises:
            TypeError: as the call itself would.
        """
        if len(args) == self._plain_names and not kwargs:
            return dict(zip(self.signature.parameters, args, strict=True))
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        instance = getattr(self.fn, "__self__", None)
        return bound.arguments if instance is None else {"self": instance, **bound.arguments}

    @cached
    def _plain_names(self) -> int:
        """Number of parameters if all may be positional, so that `bind` need not use inspect; -1 otherwise."""
        kinds = [parameter.kind for parameter in self.signature.parameters.values()]
        plain = all(kind.name in {"POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD"} for kind in kinds)
        return len(kinds) if plain and not hasattr(self.fn, "__self__") else -1

    def bound_to(self, instance: object) -> Self:
        """Returns the definition as a method of the instance; it shares the resolved plans, as the options are the same."""
        if not hasattr(self.fn, "__get__"):
            return self  # a builtin or a callable object, which is not bound in a plain class either
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound.shared = {}
        for name in ("signature", "_plain_names"):
            bound.__dict__.pop(name, None)
        bound.fn = self.fn.__get__(instance)
        bound.bound_from = (self, instance)
        return bound

    def replaced(self, changes: Mapping[str, Any]) -> Self:
        """Returns a copy with changed options; None resets an option to its default."""
        check_names(self.kind, changes)
        options = replace(self.options, **explicit(changes), **reset(changes))
        if self.bound_from is None:
            variant = type(self)(self.fn, options)
            variant.shared, variant.named = self.shared, self.named
            return variant
        unbound, instance = self.bound_from
        return type(self)(unbound.fn, options).bound_to(instance)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.function_name}>"

    def __reduce__(self) -> Any:
        # By name if the name leads back here; otherwise by value, which needs cloudpickle for the function.
        if self.bound_from is not None:
            return type(self).bound_to, self.bound_from
        if self.__module__ != "__main__":
            named = _by_name(self.__module__, self.__qualname__)
            if named is self:
                return _by_name, (self.__module__, self.__qualname__)
            if type(named) is type(self) and named.fn is self.fn:
                return _with_options, (self.__module__, self.__qualname__, self.options)
        # Whether a name identifies the function, only its own program can tell.
        return type(self), (self.fn, self.options), {"named": self.identity.named} if self.options.caching else None


AnyDefinition: TypeAlias = Definition[Any, Any]


def check_names(kind: str, options: Mapping[str, Any]) -> None:
    """Checks that the options exist.

    Raises:
        ConfigurationError: one does not; the message names the nearest that does.
    """
    known = Options.__dataclass_fields__
    for name in options:
        if name not in known:
            near = suggest(name, known)
            hint = f" Did you mean {near!r}?" if near else f" It has {', '.join(sorted(known))}."
            raise ConfigurationError(f"A {kind} has no option {name!r}.{hint}")


def _by_name(module: str, qualname: str) -> Any:
    try:
        value: Any = import_module(module)
        for part in qualname.split("."):
            value = value.__dict__[part] if isinstance(value, type) else getattr(value, part)
    except (ImportError, AttributeError, KeyError):
        return None
    return value


def _with_options(module: str, qualname: str, options: Options) -> Any:
    definition = _by_name(module, qualname)
    return type(definition)(definition.fn, options)


def _code(fn: Any) -> Any:
    """Returns the code that a call runs, through partials, methods and callable objects; None if it is not Python code."""
    while not hasattr(fn, "__code__"):
        inner = getattr(fn, "func", None) or getattr(fn, "__func__", None)
        if inner is None or not callable(inner):
            called = getattr(type(fn), "__call__", None)  # noqa: B004 - its code is looked for
            return None if isinstance(fn, type) else getattr(called, "__code__", None)
        fn = inner
    return fn.__code__


def _check_function(fn: Any, code: Any, name: str, kind: str) -> None:
    if isinstance(fn, Definition):
        raise ConfigurationError(
            f"{fn!r} is a {fn.kind} already; {fn.name}.with_options(…) makes one with other options."
        )
    if isinstance(fn, (classmethod, staticmethod)):
        raise ConfigurationError(
            f"@{kind} stands below @{type(fn).__name__}, next to the function {fn.__func__.__qualname__}."
        )
    if not callable(fn):
        raise ConfigurationError(f"@{kind} decorates a function, not {fn!r}.")
    clashes = _CALL_KEYWORDS.intersection(_parameters(fn, code))
    if clashes:
        raise ConfigurationError(
            f"{name} has a parameter named {min(clashes)!r}, which is a keyword of every {kind} call. Rename it."
        )
    if code is not None and code.co_flags & _GENERATOR:
        raise ConfigurationError(
            f"{name} is a generator function: its body would run after the run has ended. Return a list, or make what "
            f"loops over it the {kind}."
        )


def _parameters(fn: Any, code: Any) -> tuple[str, ...]:
    inner = getattr(fn, "__wrapped__", None)
    own: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code is not None else ()
    return own if inner is None else (*own, *_parameters(inner, _code(inner)))
