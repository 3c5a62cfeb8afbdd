"""Digests of the inputs of a call: by content, by the function of a `HashBy`, or not at all."""

from __future__ import annotations

import builtins
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from holdall.cache.digest import Walk
from holdall.cache.encoding import SCALARS, scalar
from holdall.cache.hashers.parts import Step
from holdall.errors import ConfigurationError, HoldallError, describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping
    from inspect import Signature


class _Ignore(Enum):
    IGNORE = "Ignore"

    def __repr__(self) -> str:
        return "Ignore"


Ignore: Final = _Ignore.IGNORE
"""Marks a parameter that does not count in cache keys: `Annotated[X, Ignore]`."""


class HashBy:
    """Marks a parameter of which `function(value)` counts in place of the value: `Annotated[X, HashBy(function)]`.

    The content of what the function returns counts, and the definition of the function. For `*args` and `**kwargs` it is
    called with each value.

    Raises:
        ConfigurationError: `function` is not callable.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Any], /) -> None:
        if not callable(function):
            raise ConfigurationError(f"HashBy takes a function of one argument, not {function!r}.")
        object.__setattr__(self, "function", function)

    function: Callable[[Any], Any]

    def __setattr__(self, name: str, _: Any) -> None:
        raise AttributeError(f"a HashBy does not change, and so does not its {name}")

    def __eq__(self, other: object) -> bool:
        return type(other) is HashBy and other.function is self.function

    def __hash__(self) -> int:
        return hash((HashBy, self.function))

    def __reduce__(self) -> tuple[Any, ...]:
        return HashBy, (self.function,)

    def __repr__(self) -> str:
        return f"HashBy({self.function!r})"


class Marker(NamedTuple):
    """How a marked parameter counts: by `function` of it, or of `each` value of `*args` and `**kwargs`; None: not at all."""

    function: Callable[[Any], Any] | None = None
    each: bool = False

    def by(self, name: str, value: Any, /) -> Any:
        """Returns the content that counts in place of the value.

        Raises:
            ConfigurationError: the function raised.
        """
        function = self.function
        if function is None:
            raise AssertionError("an ignored parameter has no content")
        try:
            if not self.each:
                content = function(value)
            elif isinstance(value, dict):
                content = {key: function(item) for key, item in value.items()}
            else:
                content = [function(item) for item in value]
        except HoldallError:
            raise
        except Exception as error:  # the user's function, which may raise anything
            raise ConfigurationError(
                f"The function of HashBy on the parameter {name!r}, {getattr(function, '__qualname__', function)!r}, "
                f"raised {describe_error(error)}."
            ) from error
        return "by", function, Step(f" by {getattr(function, '__qualname__', function)}", content)


def markers(function: Any, signature: Signature, /) -> dict[str, Marker]:
    """Returns the parameters that are annotated with `Ignore` or `HashBy`, by name.

    Annotations that are texts (`from __future__ import annotations`) are evaluated in the scope of the function; a name that
    does not exist at run time, as one imported for type checkers alone, is passed over.

    Raises:
        ConfigurationError: an annotation that names one of them cannot be evaluated, or has both.
    """
    found: dict[str, Marker] = {}
    for name, parameter in signature.parameters.items():
        if parameter.annotation is parameter.empty:
            continue
        said = list(dict.fromkeys(_said(_evaluated(parameter.annotation, name, function))))
        if len(said) > 1:
            raise ConfigurationError(f"The parameter {name!r} is annotated with {said!r}. Say one of them.")
        for each in said:
            several = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
            found[name] = Marker(each.function, several) if isinstance(each, HashBy) else Marker()
    return found


def _said(annotation: Any) -> Iterator[_Ignore | HashBy]:
    for each in getattr(annotation, "__metadata__", ()):
        if each is Ignore or type(each) is HashBy:
            yield each
    if hasattr(annotation, "__metadata__"):
        yield from _said(annotation.__origin__)
    elif type(annotation).__name__ in _UNIONS:
        for each in get_args(annotation):
            yield from _said(each)
    elif type(annotation).__name__ == "TypeAliasType":  # type X = Annotated[...]
        yield from _said(annotation.__value__)


_UNIONS: Final = frozenset({"UnionType", "_UnionGenericAlias", "Union"})


class _Absent:
    """Stand-in for a name that does not exist at run time; all that an annotation does with it returns it."""

    __slots__ = ()

    def _same(self, *_: Any, **__: Any) -> _Absent:
        return self

    __call__ = __getitem__ = __or__ = __ror__ = _same

    def __getattr__(self, name: str) -> _Absent:
        if name.startswith("__"):
            raise AttributeError(name)  # typing asks what it is
        return self


class _Names(dict[str, Any]):
    """Namespace of an annotation: the cells of the function, its globals, the builtins, and `_Absent` for other names."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._places = [getattr(function, "__globals__", {}), vars(builtins)]
        code = getattr(function, "__code__", None)
        for name, cell in zip(
            getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False
        ):
            try:
                self[name] = cell.cell_contents
            except ValueError:
                continue  # not filled yet

    def __missing__(self, name: str) -> Any:
        for place in self._places:
            if name in place:
                return place[name]
        return _Absent()


def _evaluated(annotation: Any, name: str, function: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    inner = function
    while (wrapped := getattr(inner, "__wrapped__", None) or getattr(inner, "func", None)) is not None:
        inner = wrapped
    inner = getattr(inner, "__func__", inner)
    try:
        return eval(annotation, {}, _Names(inner))  # noqa: S307 - the annotation of the very function that is called
    except Exception as error:
        if not ("Ignore" in annotation or "HashBy" in annotation):
            return None
        raise ConfigurationError(
            f"The annotation of the parameter {name!r}, {annotation!r}, cannot be evaluated: {describe_error(error)}. Write it "
            "so that it can, or leave the parameter out of the key with a cache_policy or a cache_key_fn."
        ) from error


def digested(kind: type, value: Any) -> str:
    """Returns the digest of a scalar in hexadecimal, which may be shown."""
    return scalar(kind, value).hex()


def input_digests(
    parameters: Mapping[str, Any],
    /,
    *,
    marked: Mapping[str, Marker] | None = None,
    without: Container[str] = (),
    unit: str = "",
    walk: Walk | None = None,
    plain: Callable[[type, Any], str] = digested,
) -> dict[str, str]:
    """Returns the digest of each parameter that counts, by name, in hexadecimal.

    Args:
        parameters: by name, defaults included.
        marked: what `markers` returned.
        without: names of parameters that do not count.
        unit: the task or flow, for errors: `task 'load'`.
        walk: the walk of this key, if there is one.
        plain: returns the entry of a scalar; by default its digest.

    Raises:
        ConfigurationError: a parameter cannot be hashed; names it and the path inside it.
    """
    walk = Walk() if walk is None else walk
    found = {}
    for name, value in parameters.items():
        marker = marked.get(name) if marked else None
        if name in without or (marker is not None and marker.function is None):
            continue
        kind = type(value)
        if marker is None and kind in SCALARS:  # most arguments are plain, and can always be counted
            found[name] = plain(kind, value)
            continue
        subject = f"The input {name!r} of {unit}" if unit else f"The input {name!r}"
        if marker is None:
            found[name] = walk.named(name, value, subject).hex()
        else:
            found[name] = walk.named(name, marker.by(name, value), subject, how=walk.content).hex()
    return found
