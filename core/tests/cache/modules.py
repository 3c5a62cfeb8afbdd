"""Modules made for a test, imported as any other, and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class Modules:
    """A folder on `sys.path` that modules are written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, name: str, text: str) -> Any:
        """The module of that name with that text, new."""
        self.write(name, text)
        self.names.add(name.partition(".")[0])
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def forget(self) -> None:
        for name in list(sys.modules):
            if name.partition(".")[0] in self.names:
                del sys.modules[name]
