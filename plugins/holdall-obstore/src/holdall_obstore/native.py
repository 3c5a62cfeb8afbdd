"""The obstore library of this process. Its event loop and threads are Rust's, and are lost in a forked child."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from tempfile import TemporaryDirectory
from typing import Any, Final

import obstore
import obstore.store

_HOME: Final = os.getpid()
"""The process of obstore's event loop. Its forked children would wait for ever for threads of their parent."""


def library() -> tuple[Any, Any]:
    """Returns the functions and the stores of obstore that work in this process."""
    if os.getpid() == _HOME:
        return obstore, obstore.store
    copy = _copy(os.getpid())
    return copy, copy._store  # noqa: SLF001 - what obstore.store re-exports


@cache
def _copy(pid: int) -> Any:
    """Loads a copy of obstore's extension for a forked child, from another file and so with an event loop of its own.

    That takes 30 ms, and 15 MB of a temporary folder while it is loaded.
    """
    original = obstore._obstore  # noqa: SLF001 - the extension is obstore itself
    known = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "obstore"}
    with TemporaryDirectory(prefix=f"holdall-{pid}-") as folder:
        path = shutil.copy(str(original.__file__), folder)
        loader = ExtensionFileLoader(original.__name__, path)
        spec = spec_from_file_location(original.__name__, path, loader=loader)
        if spec is None:
            raise ImportError(f"obstore's extension cannot be loaded from {path}")
        try:
            copy = module_from_spec(spec)
            loader.exec_module(copy)
        finally:
            sys.modules.update(known)  # loading registers its parts under the names of the original
    return copy
