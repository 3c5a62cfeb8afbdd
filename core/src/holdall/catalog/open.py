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


def open_catalog(settings: Home, /, *, create: bool = True) -> Catalog:
    """The catalog under `settings.home`, the same object for every caller of this process.

    Costs nothing until it is used: no folder is made and no error raised before then.

    Args:
        settings: has the folder.
        create: make the file on first use where there is none. With False it is made by nobody: a catalog that is not
            there is empty, and writing to it is an error.
    """
    path = catalog_path(settings)
    if not create and not os.path.lexists(path):
        return _sqlite(path, create=False)
    found = _open.get(path)
    if found is not None:
        return found
    with _lock:
        if path not in _open:
            _open[path] = _sqlite(path)
        return _open[path]


def _sqlite(path: str, *, create: bool = True) -> Catalog:
    from holdall.builtin.sqlite.catalog import SQLiteCatalog

    return SQLiteCatalog(path, timeout=_PATIENCE, create=create)


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
