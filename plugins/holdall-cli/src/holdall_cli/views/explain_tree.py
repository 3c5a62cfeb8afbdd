"""Tree of the resolutions of a flow and of the tasks that it calls, without running any of them."""

from __future__ import annotations

import inspect
import os
import sys
from functools import partial
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from holdall.declaration.definition import AnyDefinition, Definition
from holdall.declaration.resolution import Scope, resolve
from holdall.settings import current
from holdall.tasks import with_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from holdall.declaration.resolution import Resolution

    Inner = Callable[[AnyDefinition], Sequence[AnyDefinition]]


def tasks_named_by(definition: AnyDefinition, /) -> list[AnyDefinition]:
    """Lists the tasks and flows that the body names, in order.

    Looked for in what the function's code refers to: globals, closures, attributes of modules and classes, methods of
    its own class, members of a global list or dict, and all that in functions defined inside it. What a body receives
    as an argument, imports itself or looks up by text is not seen.
    """
    function = inspect.unwrap(definition.fn)
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not hasattr(function, "__code__"):
        function = type(function).__call__  # an instance that can be called
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    named: dict[AnyDefinition, None] = {}
    for value in _referred(function, code):
        for each in _units_in(value):
            if each.fn is not definition.fn and each not in named:
                named[each] = None
    return list(named)


def explanation(
    definition: AnyDefinition, /, *, around: Sequence[AnyDefinition] = (), inner: Inner = tasks_named_by
) -> list[Resolution]:
    """Returns the resolution of a definition, then those of what it calls, recursively, inside the flows around them.

    `around` are the flows that the definition itself is called from, from the outermost in. `inner` says what a definition calls.
    """
    settings = current(os.getcwd())
    scope: Scope | None = None
    for flow in around:
        scope = resolve(flow.kind, flow.options, scope, settings).scope(flow.options, scope)
    resolutions: list[Resolution] = []
    seen: set[tuple[AnyDefinition, ...]] = set()

    def visit(
        each: AnyDefinition, scope: Scope | None, flows: tuple[AnyDefinition, ...], path: tuple[AnyDefinition, ...]
    ) -> None:
        if (*flows, each) in seen or each in path:
            return
        seen.add((*flows, each))
        resolution = resolve(each.kind, each.options, scope, settings)
        resolutions.append(with_notes(resolution, each))
        if each.kind == "flow":
            scope, flows = resolution.scope(each.options, scope), (*flows, each)
        for child in inner(each):
            visit(child, scope, flows, (*path, each))

    visit(definition, scope, tuple(around), ())
    return resolutions


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
    """Returns the class that a method is written in."""
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


def _units_in(value: Any) -> Iterator[AnyDefinition]:
    if isinstance(value, Definition):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (each for each in value if isinstance(each, Definition))
    elif isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, Definition))
