"""Sends spooled results to the storages that did not take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.errors import CatalogError, ConfigurationError, PluginError, StorageError
from holdall.maintenance.copy_report import CopyItem, CopyReport
from holdall.maintenance.copy_storage import JOBS, CopyJob
from holdall.maintenance.known_storages import OpenStorage, place_of
from holdall.results import spool
from holdall.results.inventory import inventory, untracked
from holdall.results.load import open_storage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from holdall.results.inventory import Entry, Track
    from holdall.settings.model import Settings
    from holdall.types import StorageReference


def push(
    settings: Settings,
    /,
    *,
    only: Collection[OpenStorage] = (),
    jobs: int = JOBS,
    dry_run: bool = False,
    track: Track = untracked,
) -> Iterator[CopyReport]:
    """Sends the results of the spool and deletes there what has arrived.

    Where a storage has a younger result under a key, that stays, and the spool's is deleted.

    Args:
        settings: Those whose home has the spool.
        only: Storages to send to; all if there is none.
        jobs: Number of threads.
        dry_run: Reports what would be sent and changes nothing.
        track: Shows the progress.

    Yields:
        A report for each storage.
    """
    for folder in map(place_of, spool.folders(settings.home)):
        entries = [entry for entry in inventory(folder.storage, "the spool") if entry.kind != "foreign"]
        references = _references(entries)
        named = [storage for storage in only if storage.identity in {each.identity for each in references}]
        if not entries or (only and not named):
            continue
        report = _report(entries, references)
        if dry_run:
            yield report
            continue
        try:
            target = named[0] if named else _open_first(references, settings)
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            report.problem = str(error)
            yield report
            continue
        yield _send(folder, target, settings, jobs, track)
        spool.mark(settings.home)


def _references(entries: list[Entry]) -> list[StorageReference]:
    """Distinct references of records to their storage, those with a slug first: it has the credentials."""
    records = [entry.record for entry in entries if entry.record is not None]
    references = {(record.storage.slug, record.storage.identity): record.storage for record in records}
    return sorted(references.values(), key=lambda reference: (reference.slug is None, reference.slug or ""))


def _report(entries: list[Entry], references: list[StorageReference]) -> CopyReport:
    items = [
        CopyItem(key=entry.meta.key, what="failed", problem=entry.problem)
        if entry.record is None
        else CopyItem.of(entry.record, "left")
        for entry in entries
    ]
    return CopyReport(source="the spool", target=references[0].label if references else "?", items=items)


def _open_first(references: list[StorageReference], settings: Settings) -> OpenStorage:
    """Opens the first storage that can be opened.

    Raises:
        ConfigurationError, PluginError, CatalogError, StorageError: none can; the error of the first.
    """
    errors: list[Exception] = []
    for reference in references:
        try:
            return place_of(open_storage(reference, settings))
        except (ConfigurationError, PluginError, CatalogError, StorageError) as error:
            errors.append(error)
    if errors:
        raise errors[0]
    raise ConfigurationError("None of these records can be read, and so none says where it belongs.")


def _send(folder: OpenStorage, target: OpenStorage, settings: Settings, jobs: int, track: Track) -> CopyReport:
    job = CopyJob(folder, target, settings=settings, jobs=jobs, kind="push", track=track)
    try:
        job.copy()
        job.remove({"copied", "there", "newer"})
    except StorageError as error:
        job.problem = str(error)
    return job.report()
