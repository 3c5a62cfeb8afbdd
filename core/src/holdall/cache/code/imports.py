"""Modules that the body of a function imports, which may not have been imported yet."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

OF_OTHERS: Final = object()
"""A module that is not gone into, and need not be imported."""


def absolute(level: int, module: str, namespace: Mapping[str, Any]) -> str:
    """The full name of a module that is imported with so many dots."""
    if not level:
        return module
    package = str(namespace.get("__package__") or str(namespace.get("__name__", "")).rpartition(".")[0]).split(".")
    return ".".join([*package[: len(package) - level + 1], *([module] if module else [])])


def loaded(name: str, is_own: Callable[[Mapping[str, Any]], bool]) -> ModuleType | object | None:
    """The module of that name: imported now if it is the user's own; `OF_OTHERS`; None where it cannot be imported.

    The function would import it as soon as it runs. What is installed counts by its name and stays unimported: a hit
    must not cost the seconds that a large library takes.
    """
    found = sys.modules.get(name)
    if found is not None:
        return found
    try:
        return import_module(name) if _is_own(name, is_own) else OF_OTHERS
    except Exception:  # noqa: BLE001 - a user's module may raise anything
        return None


def _is_own(name: str, is_own: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Whether a module is the user's own, by where its parts are found, without importing one."""
    if name.partition(".")[0] in sys.builtin_module_names:
        return False
    path = None
    for end in range(1, name.count(".") + 2):
        outer = ".".join(name.split(".")[:end])
        spec = PathFinder.find_spec(outer, path)
        if spec is None:
            return outer.partition(".")[0] not in sys.stdlib_module_names  # another finder's, of a frozen program
        path = spec.submodule_search_locations
        if spec.origin is not None and not is_own({"__name__": outer, "__file__": spec.origin}):
            return False
        if path is None:
            break
    return True
