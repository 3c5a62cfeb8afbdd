"""Definitions inside values: what is bound to a partial or a property, functions in a table, the class of an object."""

from __future__ import annotations

from collections import deque
from functools import cached_property, partial, partialmethod
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.identity import is_definition
from holdall.cache.naming import attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
PLAIN: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
"""Types that hold nothing."""
_MISSING: Final = object()


def members(target: Any) -> Iterator[tuple[str, Any]]:
    """Yields the definitions and values that are bound to an object that holds definitions."""
    if isinstance(target, (partial, partialmethod)):
        yield "function", target.func
        yield from ((f"argument {number}", each) for number, each in enumerate(target.args))
        yield from ((f"argument {name}", each) for name, each in sorted(target.keywords.items()))
    elif isinstance(target, (staticmethod, classmethod)):
        yield "function", target.__func__
    elif isinstance(target, property):
        yield from ((name, each) for name in ("fget", "fset", "fdel") if (each := getattr(target, name)) is not None)
    elif isinstance(target, cached_property):
        yield "function", target.func
    elif type(target).__module__.partition(".")[0] == "holdall" and hasattr(target, "fn"):
        yield "function", target.fn
    elif "__wrapped__" in attributes(target):
        yield "wrapped", target.__wrapped__
        yield "class", type(target)
        yield from ((name, each) for name, each in sorted(vars(target).items()) if not name.startswith("__"))


def definitions_in(value: Any, is_own: Callable[[type], bool]) -> Iterator[Any]:
    """Yields the functions, modules and own classes inside a value, in containers and attributes."""
    todo, seen = [value], {id(value)}
    while todo:
        each = todo.pop()
        kind = type(each)
        if kind in PLAIN:
            continue
        if is_definition(each) or isinstance(each, ModuleType):
            yield each
            continue
        inner: list[Any] = []
        if isinstance(each, dict):
            inner += [*each.keys(), *each.values()]
        elif isinstance(each, _CONTAINERS):
            inner += each
        if kind.__module__ != "builtins" and is_own(kind):
            yield kind
            inner += [*attributes(each).values(), *_slots(each)]
        if not PLAIN.issuperset(map(type, inner)):
            new = [item for item in inner if type(item) not in PLAIN and id(item) not in seen]
            seen.update(map(id, new))
            todo += new


def _slots(value: Any) -> Iterator[Any]:
    for cls in type(value).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            found = getattr(value, name, _MISSING) if not name.startswith("__") else _MISSING
            if found is not _MISSING:
                yield found
