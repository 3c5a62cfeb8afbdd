"""Where the results of a flow and of the tasks inside it will be kept, and why, without running any of them."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import replace
from functools import partial
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from holdall.declaration.definition import Definition
from holdall.declaration.resolution import Resolution, Scope, resolve
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    AnyUnit = Definition[Any, Any]
    Inner = Callable[[AnyUnit], Sequence[AnyUnit]]


def tasks_named_by(unit: AnyUnit, /) -> list[AnyUnit]:
    """The tasks and flows that the body names, in the order in which it does so.

    Looked for in what the function's code refers to: globals, closures, attributes of modules and classes, methods of
    its own class, members of a global list or dict, and all that in functions defined inside it. What a body receives
    as an argument, imports itself or looks up by text is not seen.
    """
    function = inspect.unwrap(unit.fn)
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not hasattr(function, "__code__"):
        function = type(function).__call__  # an instance that can be called
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    found: dict[AnyUnit, None] = {}
    for value in _referred(function, code):
        for each in _units_in(value):
            if each.fn is not unit.fn and each not in found:
                found[each] = None
    return list(found)


def explanation(unit: AnyUnit, /, *, around: Sequence[AnyUnit] = (), inner: Inner = tasks_named_by) -> list[Resolution]:
    """The unit first, then what it calls, what these call, and so on, each with the flows that are around it there.

    `around` are the flows that the unit itself is called from, from the outermost in. `inner` says what a unit calls.
    """
    found = settings.current(os.getcwd())
    scope: Scope | None = None
    for flow in around:
        scope = resolve(flow.kind, flow.options, scope, found).scope(flow.options, scope)
    out: list[Resolution] = []
    seen: set[tuple[AnyUnit, ...]] = set()

    def visit(each: AnyUnit, scope: Scope | None, flows: tuple[AnyUnit, ...], path: tuple[AnyUnit, ...]) -> None:
        if (*flows, each) in seen or each in path:
            return
        seen.add((*flows, each))
        resolution = resolve(each.kind, each.options, scope, found)
        out.append(with_notes(resolution, each))
        if each.kind == "flow":
            scope, flows = resolution.scope(each.options, scope), (*flows, each)
        for child in inner(each):
            visit(child, scope, flows, (*path, each))

    visit(unit, scope, tuple(around), ())
    return out


def with_notes(resolution: Resolution, unit: AnyUnit, /) -> Resolution:
    """The resolution, and what only the function itself tells: the serializer that `auto` takes, what its key misses."""
    return replace(with_choice(resolution, unit), not_counted=_not_counted(unit))


def _not_counted(unit: AnyUnit) -> tuple[str, ...]:
    if unit.options.caching != "cache_policy":
        return ()
    from holdall.cache.digest import Walk
    from holdall.cache.parts import Code

    found: dict[str, None] = {}
    for part in getattr(unit.options.cache_policy, "parts", ()):
        if isinstance(part, Code):
            for each in unit.identity.reach(part).unfollowed(Walk()):
                found[f"{each.where}: {each.expression} {each.reason}"] = None
    return tuple(found)


def with_choice(resolution: Resolution, unit: AnyUnit, /) -> Resolution:
    """Where the serializer is chosen by the value: what the annotation of the returned one leads to here."""
    decision = resolution.serializer
    if not resolution.persist.value or getattr(decision.value, "slug", decision.value) != "auto":
        return resolution
    from holdall.builtin import candidates

    kind = _returned(unit)
    said = "it chooses by each value" if kind is None else candidates.reason(kind)
    return replace(resolution, serializer=replace(decision, reason=f"{decision.reason}; {said}"))


def _returned(unit: AnyUnit) -> type | None:
    """The class that the body says it returns, if it says one."""
    try:
        hint = get_type_hints(inspect.unwrap(unit.fn)).get("return")
    except (NameError, TypeError, AttributeError):  # names that only a type checker knows
        return None
    kind = get_origin(hint) or hint
    return kind if isinstance(kind, type) and kind not in {type(None), object, Any} else None


def _referred(function: Any, code: CodeType) -> Iterator[Any]:
    values = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    space = function.__globals__
    owner = _owner(function)
    for names, free in _names(code):
        for name in free:
            if name in values:
                yield values[name]
                yield from _attributes(values[name], names)
        for name in names:
            value = space.get(name)
            yield value
            yield from _attributes(value, names)
        if owner is not None:
            yield from _attributes(owner, names)


def _names(code: CodeType) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    yield code.co_names, code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _owner(function: Any) -> object:
    """The class that a method is written in."""
    owner, _, _ = function.__qualname__.rpartition(".")
    value: Any = sys.modules.get(function.__module__)
    for part in owner.split(".") if owner else ():
        value = getattr(value, part, None)
    return value if isinstance(value, type) else None


def _attributes(value: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, ModuleType | type):
        for name in names:
            # A module may load something when it is asked, which looking must not do.
            yield inspect.getattr_static(value, name, None)


def _units_in(value: Any) -> Iterator[AnyUnit]:
    if isinstance(value, Definition):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (each for each in value if isinstance(each, Definition))
    elif isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, Definition))
