"""The open catalog of this process: one per file."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING, Final

from holdall._system import fork

if TYPE_CHECKING:
    from typing import Protocol

    from holdall.abc.catalog import Catalog

    class Home(Protocol):
        """What is read of the settings."""

        @property
        def home(self) -> str:
            """An absolute folder."""


# Seconds that a call waits for whoever holds the catalog. A batch of another process takes a tenth of one; who holds it
# for longer is stuck, and a run is not to be: its rows wait in memory, its results are in their storages.
_PATIENCE: Final = 5.0

_open: dict[str, Catalog] = {}
_lock = threading.Lock()


def catalog_path(settings: Home, /) -> str:
    """Where the catalog is, or will be."""
    return os.path.join(settings.home, "catalog.db")


def open_catalog(settings: Home, /) -> Catalog:
    """The catalog under `settings.home`, the same object for every caller of this process.

    Costs nothing until it is used: no folder is made and no error raised before then.
    """
    path = catalog_path(settings)
    found = _open.get(path)
    if found is not None:
        return found
    with _lock:
        if path not in _open:
            from holdall.builtin.sqlite.catalog import SQLiteCatalog

            _open[path] = SQLiteCatalog(path, timeout=_PATIENCE)
        return _open[path]


@atexit.register
def close_catalogs() -> None:
    """Close every catalog that `open_catalog` gave out. They open again when they are used again."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def _forget() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    _open.clear()


fork.register(in_child=_forget)
