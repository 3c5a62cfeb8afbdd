"""Ownership of modules: the user's own, or of an installed distribution, the standard library or holdall."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAINS: Final = frozenset({"__main__", "__mp_main__"})
"""Names of the module that is the program; the second is its name in processes that multiprocessing starts."""

_STANDARD_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_HOLDALL: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FOLDERS_OF_INSTALLERS: Final = ("site-packages", "dist-packages")


def is_own(namespace: Mapping[str, Any], /) -> bool:
    """Returns whether the module of this namespace is the user's own: no RECORD of an installed distribution lists its file.

    Editable installs, archives, notebooks and modules made with `exec` are the user's own.
    """
    name = namespace.get("__name__")
    if name in MAINS:
        return True  # whatever started it: a profiler, a debugger, a kernel
    file = namespace.get("__file__")
    if isinstance(file, str):
        return _is_own_file(file)
    if not isinstance(name, str):
        return True
    if "__path__" in namespace:
        return True  # a namespace package: what is in it decides for itself
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top != "holdall"


@lru_cache(maxsize=8192)
def _is_own_file(path: str) -> bool:
    path = os.path.abspath(path)
    if path.startswith(_HOLDALL):
        return False
    folders = path.split(os.sep)[:-1]
    if path.startswith(_STANDARD_LIBRARY) and not any(name in folders for name in _FOLDERS_OF_INSTALLERS):
        return False
    searched = {os.path.abspath(each) for each in sys.path}
    for end in range(len(folders), 0, -1):
        folder = os.sep.join(folders[:end]) or os.sep
        if (folder in searched or folders[end - 1] in _FOLDERS_OF_INSTALLERS) and _is_listed(path, folder):
            return False
    # Debian installs without RECORD into a folder that pip does not write to.
    return not ("dist-packages" in folders and path.startswith(("/usr/lib/", "/usr/share/")))


def _is_listed(path: str, folder: str) -> bool:
    """Returns whether a RECORD beside the file's top-level package lists it."""
    name = os.path.relpath(path, folder).replace(os.sep, "/")
    top = name.partition("/")[0].removesuffix(".py").replace("-", "_").lower()
    wanted = f"\n{name},".encode()
    # The distribution that is called like the package is read first, as nearly always it is the one.
    records = sorted(_records(folder), key=lambda each: not each.lower().replace("-", "_").startswith(top))
    return any(wanted in _content(os.path.join(folder, each)) for each in records)


@lru_cache(maxsize=64)
def _records(folder: str) -> tuple[str, ...]:
    try:
        names = os.listdir(folder)
    except OSError:
        return ()
    return tuple(os.path.join(name, "RECORD") for name in names if name.endswith(".dist-info"))


@lru_cache(maxsize=1024)
def _content(record: str) -> bytes:
    try:
        with open(record, "rb") as file:
            return b"\n" + file.read().replace(b"\r\n", b"\n")
    except OSError:
        return b""
