"""Storages that the catalog, the configuration and the working directory name."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.blocks import lookup
from holdall.blocks import values as block_values
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


class OpenStorage(NamedTuple):
    """An open storage and the reference that records have to it."""

    storage: GuardedStorage
    where: StorageReference

    @property
    def label(self) -> str:
        return self.where.label

    @property
    def identity(self) -> str:
        return self.where.identity


class Unopened(NamedTuple):
    """A storage that is named somewhere and cannot be opened here, and why."""

    label: str
    problem: str


def place_of(storage: Storage, /) -> OpenStorage:
    """Wraps a storage in its guard and adds the reference to it."""
    guarded = guard(storage)
    return OpenStorage(guarded, StorageReference.of(guarded))


def storage_of(row: ReferenceRow, /) -> StorageReference | None:
    """Reference to the storage of a row's result; None if the row has none."""
    try:
        reference = from_json(row.reference)
    except ConfigurationError:
        return None
    return reference.storage if isinstance(reference, ResultReference) else None


def named(values: Iterable[str], settings: Settings, directory: str, /) -> list[OpenStorage]:
    """Opens storages by slug, path, URL, or label as listings print it.

    Raises:
        As `blocks.values.from_value`.
    """
    storages: dict[str, OpenStorage] = {}
    for value in values:
        text = value.removeprefix(f"{Directory.slug}:")
        storage = place_of(block_values.from_value(text, settings=settings, directory=directory))
        storages.setdefault(storage.identity, storage)
    return list(storages.values())


def known(settings: Settings, catalog: Catalog, directory: str, /) -> tuple[list[OpenStorage], list[Unopened]]:
    """Opens what the catalog's references, blocks, the default storage and `.holdall-results` in `directory` name.

    Returns:
        The storages, and those that cannot be opened. A catalog that cannot be read names none.
    """
    storages: dict[str, OpenStorage] = {}
    unopened: dict[str, Unopened] = {}

    def add(shown: str, opener: Any) -> None:
        try:
            storage = place_of(opener())
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            unopened.setdefault(shown, Unopened(masked(shown), str(error)))
        else:
            storages.setdefault(storage.identity, storage)

    def from_value(value: Any) -> Storage:
        return block_values.from_value(value, settings=settings, directory=directory)

    # Blocks come first: of two ways to one place, the one with a slug has the credentials.
    for slug in _slugs(settings, catalog):
        add(slug, lambda slug=slug: from_value(lookup.find(slug, settings, catalog=catalog)))
    if settings.results_default_storage is not None:
        add(settings.results_default_storage, lambda: from_value(settings.results_default_storage))
    if os.path.isdir(os.path.join(directory, DEFAULT_FOLDER)):
        add(DEFAULT_FOLDER, lambda: from_value(DEFAULT_STORAGE))
    for reference in _referenced(catalog):
        if reference.identity not in storages:
            add(reference.label, lambda reference=reference: open_storage(reference, settings))
    return list(storages.values()), list(unopened.values())


def _slugs(settings: Settings, catalog: Catalog) -> list[str]:
    try:
        entries = lookup.listing(settings, catalog=catalog)
    except CatalogError:
        return sorted(settings.blocks)
    return [entry.slug for entry in entries if entry.shadowed_by is None]


def _referenced(catalog: Catalog) -> list[StorageReference]:
    try:
        rows = catalog.references(limit=ALL)
    except CatalogError:
        return []
    references = {reference.identity: reference for row in rows if (reference := storage_of(row)) is not None}
    return list(references.values())
