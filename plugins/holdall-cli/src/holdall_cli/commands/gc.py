"""`holdall gc`: deletes what no record names, and leftovers of killed writers."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from holdall_cli.views.output import Json, print_json, remark, say, track
from holdall_cli.views.output import size as shown_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.maintenance.gc import Collected
    from holdall.maintenance.known_storages import Unopened

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WORDS: Final = {
    "payload": "that no record names",
    "expired": "of expired results",
    "unfinished": "of writers that were killed",
    "lease": "of leases that are over",
}


def seconds(text: str) -> float:
    """Parses a duration such as `90s`, `12h` or `1.5d`; a bare number is seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration: write a number and s, m, h, d or w, as 12h.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def gc(
    *,
    storage: Annotated[
        list[str] | None,
        typer.Option(metavar="STORAGE", help="Tidy this one alone: a slug, path or URL; may be repeated."),
    ] = None,
    grace: Annotated[str, typer.Option(metavar="TIME", help="Leave what is younger, as 12h or 7d.")] = "1d",
    expired: Annotated[bool, typer.Option("--expired", help="Remove results whose time is over, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove payloads that no record names, and files of writers that were killed. Other programs' files stay.

    Tidies every storage that the catalog, saved and configured blocks name, and .holdall-results of this folder.

    JSON: an object with dry_run, grace (seconds), bytes, storages (a list of label, bytes, removed (a list of what,
    key, size), young, expired_left, held, problem), unopened (a list of label, problem).
    """
    from holdall.catalog.open import open_catalog
    from holdall.maintenance import known_storages
    from holdall.maintenance.gc import collect
    from holdall.results import spool
    from holdall.settings import current

    age = seconds(grace)
    settings, directory = current(), os.getcwd()
    catalog = open_catalog(settings, create=False)
    unopened: list[Unopened] = []
    if storage:
        opened = known_storages.named(storage, settings, directory)
    else:
        opened, unopened = known_storages.known(settings, catalog, directory)
    done = [
        collect(each, grace=age, expired=expired, dry_run=dry_run, catalog=catalog, settings=settings, track=track)
        for each in opened
    ]
    if not storage:
        # What killed writers left in the spool, too. Its results stay, expired or not: they are nowhere else.
        spooled = [known_storages.place_of(folder) for folder in spool.folders(settings.home)]
        done += [collect(each, grace=age, dry_run=dry_run, track=track) for each in spooled]
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "grace": age,
                "bytes": sum(each.size for each in done),
                "storages": [_document(each) for each in done],
                "unopened": [each._asdict() for each in unopened],
            }
        )
    else:
        for each in done:
            say(*_sentences(each, dry_run=dry_run))
        if not done:
            say("No storage is known here, so there is nothing to tidy. Name one with --storage.")
    for each in done:
        for line in _remarks(each):
            remark(line)
    for left in unopened:
        remark(f"Not tidied: {left.label}. {left.problem}")
    if unopened or any(each.problem or each.held for each in done):
        raise typer.Exit(1)


def _document(each: Collected) -> dict[str, Any]:
    return {
        "label": each.label,
        "bytes": each.size,
        "removed": [{"what": one.what, "key": one.key, "size": one.size} for one in each.removed],
        "young": each.young,
        "expired_left": each.expired_left,
        "held": each.held,
        "problem": each.problem,
    }


def _sentences(each: Collected, *, dry_run: bool) -> Iterator[str]:
    verb = "would be removed" if dry_run else "removed"
    if not each.removed:
        yield f"{each.label}: nothing to remove."
    for what, words in _WORDS.items():
        sizes = [one.size for one in each.removed if one.what == what]
        if sizes:
            files = "1 object" if len(sizes) == 1 else f"{len(sizes)} objects"
            yield f"{each.label}: {files} {words} {verb}, {shown_size(sum(sizes))}."
    if dry_run:
        for one in each.removed:
            yield f"  {one.key}"


def _remarks(each: Collected) -> Iterator[str]:
    if each.problem is not None:
        yield f"{each.label} could not be tidied to the end: {each.problem}"
    if each.held:
        yield (
            f"{each.label}: payloads that no record names were left, as a record that cannot be read may have named "
            "them. Restore or delete it (`holdall result delete KEY --storage …`), and then tidy again."
        )
        yield from each.held[:10]
    if each.young:
        number = "1 payload" if each.young == 1 else f"{each.young} payloads"
        yield f"{each.label}: {number} without a record left, as younger than --grace; its record may be on its way."
    if each.expired_left:
        number = "1 expired result" if each.expired_left == 1 else f"{each.expired_left} expired results"
        yield f"{each.label}: {number} left; --expired removes them."
