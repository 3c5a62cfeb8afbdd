"""`holdall catalog`: the index of results, runs and blocks."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from holdall_cli.views.output import Json, confirmed, print_json, remark, say, track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.maintenance.known_storages import Unopened
    from holdall.maintenance.rebuild_catalog import Rebuilt

app = typer.Typer(help="The catalog: what holdall remembers of results, runs and blocks.")

_SHOWN: Final = 10
_LOST: Final = (
    "Not in any storage, and so not restored: literals that no cache key or name kept in a record, the history of "
    "runs, saved blocks with their secrets. "
)
_REASONS: Final = {
    "expired": "expired",
    "damaged": "damaged or of a newer holdall",
    "unreadable": "not given out by the storage",
    "foreign": "not a record of holdall",
}


@app.command()
def rebuild(
    *,
    storage: Annotated[
        list[str] | None,
        typer.Option(metavar="STORAGE", help="Read this one alone: a slug, path or URL; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Move a damaged catalog aside without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Make the references of the catalog anew from the records that lie in storages.

    Reads every storage that the catalog, saved and configured blocks name, and .holdall-results of this folder. A
    damaged catalog is moved aside, never deleted.

    JSON: an object with catalog (its path, null for one without a file), moved_to (where a damaged one is now, or null),
    storages (a list of label, restored, known, forgotten, copies, skipped (a list of key, reason, problem), problem),
    unopened (a list of label, problem).
    """
    from holdall.catalog.open import catalog_path, open_catalog
    from holdall.maintenance import known_storages, rebuild_catalog
    from holdall.settings import current

    settings, directory = current(), os.getcwd()
    path = catalog_path(settings)
    damage = rebuild_catalog.damage(settings)
    # Asked before the file is moved: a catalog that is damaged in one place may still name storages in another.
    unopened: list[Unopened] = []
    if storage:
        opened = known_storages.named(storage, settings, directory)
    else:
        opened, unopened = known_storages.known(settings, open_catalog(settings), directory)
    moved = None
    if damage is not None:
        remark(damage)
        confirmed(f"Move {path} aside, keep it, and make a new catalog?", yes=yes)
        moved = rebuild_catalog.move_aside(settings)
    reports = rebuild_catalog.rebuild(opened, open_catalog(settings), settings=settings, track=track)
    if as_json:
        print_json(
            {
                "catalog": path,
                "moved_to": moved,
                "storages": [asdict(each) for each in reports],
                "unopened": [each._asdict() for each in unopened],
            }
        )
    else:
        _say(reports, moved)
    for left in unopened:
        remark(f"Not read: {left.label}. {left.problem}")
    for each in reports:
        _remarks(each)
    if not as_json:
        remark(_LOST + ("What the catalog has of them stays." if moved is None else f"They are in {moved} alone."))
    if unopened or any(each.problem for each in reports):
        raise typer.Exit(1)


def _say(reports: list[Rebuilt], moved: str | None) -> None:
    if moved is not None:
        say(f"The damaged catalog is now {moved}.")
    for each in reports:
        say(*_sentences(each))
    if not reports:
        say("No storage is known here, so there is nothing to read. Name one with --storage.")


def _sentences(each: Rebuilt) -> Iterable[str]:
    if each.problem is not None:
        return
    known = f", and {each.known} known already" if each.known else ""
    yield f"{each.label}: {_count(each.restored, 'reference')} restored{known}."
    if each.forgotten:
        yield f"{each.label}: {_count(each.forgotten, 'reference')} forgotten, as the record is gone."
    for reason, words in _REASONS.items():
        keys = [one.key for one in each.skipped if one.reason == reason]
        if keys:
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            yield f"{each.label}: {len(keys)} skipped, {words}: {', '.join(keys[:_SHOWN])}{more}."


def _remarks(each: Rebuilt) -> None:
    if each.problem is not None:
        remark(f"Not read: {each.label}. {each.problem}")
    for one in [one for one in each.skipped if one.reason in {"damaged", "unreadable"}][:_SHOWN]:
        remark(one.problem)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
