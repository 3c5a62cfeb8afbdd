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
"""Stands for a module that the walk does not go into and does not import."""


def absolute(level: int, module: str, namespace: Mapping[str, Any]) -> str:
    """Returns the full name of a module that is imported with `level` dots."""
    if not level:
        return module
    package = str(namespace.get("__package__") or str(namespace.get("__name__", "")).rpartition(".")[0]).split(".")
    return ".".join([*package[: len(package) - level + 1], *([module] if module else [])])


def loaded(name: str, is_own: Callable[[Mapping[str, Any]], bool]) -> ModuleType | object | None:
    """Returns a module, imported now if it is the user's own; `OF_OTHERS` if not; None if it cannot be imported.

    The function would import it when it runs. An installed module counts by its name and is not imported: a hit must not
    cost the seconds that the import of a large library takes.
    """
    found = sys.modules.get(name)
    if found is not None:
        return found
    try:
        return import_module(name) if _is_own(name, is_own) else OF_OTHERS
    except Exception:  # noqa: BLE001 - a user's module may raise anything
        return None


def _is_own(name: str, is_own: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Returns whether a module is the user's own, by the location of its packages, without importing one."""
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
