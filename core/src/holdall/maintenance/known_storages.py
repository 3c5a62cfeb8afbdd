"""Every storage that is known here: by the catalog, the configuration, the working directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.blocks import lookup as blocks
from holdall.builtin.local.directory import Directory
from holdall.declaration.resolution import DEFAULT_STORAGE
from holdall.errors import CatalogError, ConfigurationError, PluginError, StorageError
from holdall.results.load import open_storage
from holdall.results.references import ResultReference, from_json
from holdall.security.redact import masked
from holdall.storage.guard import GuardedStorage, guard
from holdall.types import StorageReference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.abc.catalog import Catalog
    from holdall.abc.storage import Storage
    from holdall.settings.model import Settings
    from holdall.types import ReferenceRow

DEFAULT_FOLDER: Final = DEFAULT_STORAGE.removeprefix("./")
ALL: Final = sys.maxsize
"""A `limit` that leaves nothing out."""


SAME_MOMENT: Final = 0.001
"""Seconds: records keep microseconds of their time, and the catalog what a float holds."""


class Place(NamedTuple):
    """A storage, and what references to it say."""

    storage: GuardedStorage
    where: StorageReference

    @property
    def label(self) -> str:
        return self.where.label

    @property
    def identity(self) -> str:
        return self.where.identity


class Unopened(NamedTuple):
    """A storage that is named somewhere and cannot be had here, and why."""

    label: str
    problem: str


def place_of(storage: Storage, /) -> Place:
    guarded = guard(storage)
    return Place(guarded, StorageReference.of(guarded))


def storage_of(row: ReferenceRow, /) -> StorageReference | None:
    """Where the row's result lies; None for a row that does not say."""
    try:
        reference = from_json(row.reference)
    except ConfigurationError:
        return None
    return reference.storage if isinstance(reference, ResultReference) else None


def named(values: Iterable[str], settings: Settings, directory: str, /) -> list[Place]:
    """Slugs, paths, URLs, or storages as listings print them.

    Raises:
        What `blocks.from_value` raises.
    """
    found: dict[str, Place] = {}
    for value in values:
        text = value.removeprefix(f"{Directory.slug}:")
        place = place_of(blocks.from_value(text, settings=settings, directory=directory))
        found.setdefault(place.identity, place)
    return list(found.values())


def known(settings: Settings, catalog: Catalog, directory: str, /) -> tuple[list[Place], list[Unopened]]:
    """What references of the catalog, blocks, the default storage and `.holdall-results` in `directory` name.

    A catalog that cannot be read names none.
    """
    found: dict[str, Place] = {}
    unopened: dict[str, Unopened] = {}

    def add(shown: str, open_it: Any) -> None:
        try:
            place = place_of(open_it())
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            unopened.setdefault(shown, Unopened(masked(shown), str(error)))
        else:
            found.setdefault(place.identity, place)

    def from_value(value: Any) -> Storage:
        return blocks.from_value(value, settings=settings, directory=directory)

    # Blocks come first: of two ways to one place, the one with a slug has the credentials.
    for slug in _slugs(settings, catalog):
        add(slug, lambda slug=slug: from_value(blocks.find(slug, settings, catalog=catalog)))
    if settings.results_default_storage is not None:
        add(settings.results_default_storage, lambda: from_value(settings.results_default_storage))
    if os.path.isdir(os.path.join(directory, DEFAULT_FOLDER)):
        add(DEFAULT_FOLDER, lambda: from_value(DEFAULT_STORAGE))
    for where in _referenced(catalog):
        if where.identity not in found:
            add(where.label, lambda where=where: open_storage(where))
    return list(found.values()), list(unopened.values())


def _slugs(settings: Settings, catalog: Catalog) -> list[str]:
    try:
        entries = blocks.listing(settings, catalog=catalog)
    except CatalogError:
        return sorted(settings.blocks)
    return [entry.slug for entry in entries if entry.shadowed_by is None]


def _referenced(catalog: Catalog) -> list[StorageReference]:
    try:
        rows = catalog.references(limit=ALL)
    except CatalogError:
        return []
    found = {where.identity: where for row in rows if (where := storage_of(row)) is not None}
    return list(found.values())
