"""What the spool holds, on its way to the storages that did not take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.errors import CatalogError, ConfigurationError, PluginError, StorageError
from holdall.maintenance.copy_report import Item, Moved
from holdall.maintenance.copy_storage import JOBS, Work
from holdall.maintenance.known_storages import Place, place_of
from holdall.results import spool
from holdall.results.inventory import inventory, untracked
from holdall.results.load import open_storage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from holdall.results.inventory import Entry, Track
    from holdall.types import StorageReference


def push(
    home: str,
    /,
    *,
    only: Collection[Place] = (),
    jobs: int = JOBS,
    dry_run: bool = False,
    track: Track = untracked,
) -> Iterator[Moved]:
    """Send what the spool of `home` holds, for the places `only` where some are given, and remove what has arrived.

    Where a storage has a younger result under a key, that stays, and the spool's goes.
    """
    for folder in map(place_of, spool.folders(home)):
        found = [each for each in inventory(folder.storage, "the spool") if each.kind != "foreign"]
        wheres = _wheres(found)
        named = [place for place in only if place.identity in {where.identity for where in wheres}]
        if not found or (only and not named):
            continue
        done = _listed(found, wheres)
        if dry_run:
            yield done
            continue
        try:
            target = named[0] if named else _opened(wheres)
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            done.problem = str(error)
            yield done
            continue
        yield _sent(folder, target, jobs, track)
        spool.mark(home)


def _wheres(found: list[Entry]) -> list[StorageReference]:
    """Each way in which records name their place, those with a slug first: it has the credentials."""
    records = [each.record for each in found if each.record is not None]
    ways = {(record.storage.slug, record.storage.identity): record.storage for record in records}
    return sorted(ways.values(), key=lambda where: (where.slug is None, where.slug or ""))


def _listed(found: list[Entry], wheres: list[StorageReference]) -> Moved:
    items = []
    for each in found:
        record = each.record
        if record is None:
            items.append(Item(key=each.meta.key, what="failed", problem=each.problem))
            continue
        items.append(Item.of(record, "left"))
    return Moved(source="the spool", target=wheres[0].label if wheres else "?", items=items)


def _opened(wheres: list[StorageReference]) -> Place:
    """The first that can be had.

    Raises:
        ConfigurationError, PluginError, CatalogError, StorageError: none; the error of the first.
    """
    errors: list[Exception] = []
    for where in wheres:
        try:
            return place_of(open_storage(where))
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    raise ConfigurationError("None of these records can be read, and so none says where it belongs.")


def _sent(folder: Place, target: Place, jobs: int, track: Track) -> Moved:
    work = Work(folder, target, jobs=jobs, removes=True, as_written=True, track=track)
    try:
        work.copy()
        work.remove({"copied", "there", "newer"})
    except StorageError as error:
        work.problem = str(error)
    return work.done()
