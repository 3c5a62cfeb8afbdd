"""The open catalogs of this process: one for each home and kind of catalog."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING, Final

from holdall._system import fork
from holdall.errors import HoldallError, PluginBrokenError, describe_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from holdall.abc.catalog import Catalog

    class CatalogSettings(Protocol):
        """The settings that are read here."""

        @property
        def home(self) -> str:
            """The absolute path of the catalog's folder."""

        @property
        def catalog(self) -> str:
            """The slug of a kind of catalog."""

        @property
        def plugins_prefer(self) -> Mapping[str, str]:
            """Which distribution provides a slug that several claim."""


BUILTIN: Final = "sqlite"
"""The catalog that needs no look-up of installed plugins."""
# Seconds that a call waits for a lock on the catalog. A batch of another process takes a tenth of one; a process that holds
# it for longer is stuck, and must not hold up a run: its rows wait in memory, its results are in their storages.
_PATIENCE: Final = 5.0

_open: dict[tuple[str, str], Catalog] = {}
_lock = fork.renewed(threading.Lock())


def catalog_path(settings: CatalogSettings, /) -> str | None:
    """Returns the path of the catalog's file, which need not exist; None for a catalog that has none in the home.

    Raises:
        ConfigurationError, PluginError: As `open_catalog`.
    """
    return _class(settings).file_in(settings.home)


def open_catalog(settings: CatalogSettings, /, *, create: bool = True) -> Catalog:
    """Opens the catalog of `settings.home`: the same object for every caller of this process.

    It is connected on first use: no folder is made and no error of the catalog itself is raised before then.

    Args:
        settings: The folder and the slug.
        create: Make the file on first use if there is none. With False, a catalog that does not exist is empty, and
            writing to it is an error.

    Raises:
        ConfigurationError: No plugin has the slug `settings.catalog`, or its catalog is not configured.
        PluginError: The plugin is missing, broken or in conflict with another.
    """
    if not create and (path := catalog_path(settings)) is not None and not os.path.lexists(path):
        return _opened(settings, create=False)
    which = (settings.catalog, settings.home)
    found = _open.get(which)
    if found is not None:
        return found
    with _lock:
        if which not in _open:
            _open[which] = _opened(settings)
        return _open[which]


def _opened(settings: CatalogSettings, *, create: bool = True) -> Catalog:
    cls = _class(settings)
    try:
        return cls.open(settings.home, patience=_PATIENCE, create=create)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins
        raise PluginBrokenError(
            f"The catalog {settings.catalog!r} ({cls.__module__}.{cls.__qualname__}) cannot be opened: {describe_error(error)}. "
            "Upgrade the plugin that it comes with, or unset HOLDALL_CATALOG."
        ) from error


def _class(settings: CatalogSettings) -> type[Catalog]:
    if settings.catalog == BUILTIN:
        from holdall.builtin.sqlite.catalog import SQLiteCatalog

        return SQLiteCatalog
    from holdall.plugins import registry

    return registry.load("catalogs", settings.catalog, prefer=settings.plugins_prefer)


@atexit.register
def close_catalogs() -> None:
    """Closes every catalog that `open_catalog` returned. They open again when they are used again."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


fork.register(in_child=_open.clear)
