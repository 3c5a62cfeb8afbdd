"""Decorators that are known not to read hints and docstrings: of holdall, functools and contextlib."""

from __future__ import annotations

import builtins
import sys
from functools import partial
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BLIND: Final = frozenset({"holdall", "functools", "contextlib"})
"""Modules whose decorators do not read hints or docstrings."""


def leave_hints_alone(origins: Iterable[str], namespace: Mapping[str, Any], /) -> bool:
    """Returns whether no decorator, by its origin (see `syntax.Syntax`), reads hints."""
    return all(_is_blind(_looked_up(each, namespace)) for each in origins)


def _looked_up(origin: str, namespace: Mapping[str, Any]) -> Any:
    module, _, names = origin.partition(":")
    first, *rest = names.split(".")
    if module:
        found: Any = _module(module, namespace)
        rest = [first, *rest] if first else rest
    else:
        found = namespace.get(first, getattr(builtins, first, None))
    for name in rest:
        if isinstance(found, ModuleType) and _top(found.__name__) in BLIND:
            return found
        found = vars(found).get(name) if isinstance(found, (ModuleType, type)) else None
    return found


def _module(name: str, namespace: Mapping[str, Any]) -> ModuleType | None:
    dots = len(name) - len(name.lstrip("."))
    if dots:
        package = str(namespace.get("__package__") or "").split(".")
        name = ".".join([*package[: len(package) - dots + 1], *([name[dots:]] if name[dots:] else [])])
    loaded = sys.modules.get(name)
    if loaded is None and name:
        # A function that came to this process by value: the process that it comes from had imported this.
        try:
            loaded = import_module(name)
        except Exception:  # noqa: BLE001 - a user's module may raise anything
            return None
    return loaded


def _is_blind(found: Any) -> bool:
    if isinstance(found, ModuleType):
        return _top(found.__name__) in BLIND
    if isinstance(found, partial):
        return _is_blind(found.func)
    if isinstance(found, FunctionType):
        # Not by __module__, which functools.wraps copies from what it wraps.
        return _top(found.__globals__.get("__name__")) in BLIND
    owner = found if isinstance(found, type) else type(found)
    return _top(owner.__module__) in BLIND


def _top(name: Any) -> str:
    return name.partition(".")[0] if isinstance(name, str) else ""
