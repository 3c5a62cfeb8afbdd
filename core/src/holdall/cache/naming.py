"""Names that identify functions and classes in every process of a program."""

from __future__ import annotations

import os
import sys
from functools import lru_cache, partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.ownership import MAINS

if TYPE_CHECKING:
    from collections.abc import Mapping

_CELLS: Final = ("<ipython-input", "<stdin>", "<python-input")
_MARKERS: Final = ("holdall.toml", "pyproject.toml", ".git")


def who(fn: Any, /) -> str:
    """Returns `module:qualified name` of a function, class or callable object: the same in every process of a program.

    The module of the program has its name under `python -m`, otherwise the path of its file relative to the nearest folder
    with holdall.toml, pyproject.toml or .git, or the file's name; that of a notebook or a prompt is empty.
    """
    while isinstance(fn, (partial, MethodType)):
        fn = fn.func if isinstance(fn, partial) else fn.__func__
    name = getattr(fn, "__qualname__", None)
    owner = fn if isinstance(name, str) else type(fn)
    module = getattr(owner, "__module__", None)
    if module in MAINS:
        inner = fn
        while inner is not None and getattr(inner, "__globals__", {}).get("__name__") not in MAINS:
            inner = attributes(inner).get("__wrapped__")  # a decorator of another module around it
        if isinstance(inner, FunctionType):
            return f"{place_in(module, inner.__globals__, inner.__code__.co_filename)}:{owner.__qualname__}"
    return f"{place(module if isinstance(module, str) else 'builtins')}:{owner.__qualname__}"


def place(module: str, /) -> str:
    """Returns the name of a module in the form of `who`."""
    loaded = sys.modules.get(module)
    return place_in(module, vars(loaded) if loaded is not None else {})


def place_in(module: Any, namespace: Mapping[str, Any], path: str = "", /) -> str:
    """Returns what `place` does for a namespace that need not be a module's; `path`: the file that its code is from."""
    if module not in MAINS:
        return module if isinstance(module, str) else ""
    spec = getattr(namespace.get("__spec__"), "name", None)
    if spec is not None and spec not in MAINS:
        return str(spec)
    file = namespace.get("__file__")
    if not isinstance(file, str) or file.startswith("<") or path.startswith(_CELLS) or f"{os.sep}ipykernel_" in path:
        return ""
    package = namespace.get("__package__")
    if "__spec__" not in namespace and isinstance(package, str):
        # A function of a program run by -m that arrived by value: of its module it has brought the package and the file.
        stem = os.path.basename(file).removesuffix(".py")
        return f"{package}.{stem}" if package else stem
    return _relative(os.path.abspath(file))


@lru_cache(maxsize=256)
def _relative(path: str) -> str:
    folder = os.path.dirname(path)
    while True:
        if any(os.path.exists(os.path.join(folder, each)) for each in _MARKERS):
            return os.path.relpath(path, folder).replace(os.sep, "/")
        outer = os.path.dirname(folder)
        if outer == folder:
            return os.path.basename(path)
        folder = outer


def attributes(value: Any, /) -> Mapping[str, Any]:
    """Returns the `__dict__` of an object; empty if it has none, or if a proxy raises."""
    try:
        found = value.__dict__
    except Exception:  # noqa: BLE001 - as the docstring says
        return {}
    return found if isinstance(found, dict) else {}
