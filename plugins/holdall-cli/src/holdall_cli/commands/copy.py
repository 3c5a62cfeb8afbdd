"""`holdall result push`, `copy` and `move`: copies results from one storage to another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from holdall_cli.views.output import Json, confirmed, print_json, remark, say, track
from holdall_cli.views.output import size as shown_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.maintenance.copy_report import CopyReport, Selection
    from holdall.maintenance.known_storages import OpenStorage

_From = Annotated[str, typer.Option("--from", metavar="STORAGE", help="Where they are: a slug, path or URL.")]
_To = Annotated[str, typer.Option("--to", metavar="STORAGE", help="Where they go: a slug, path or URL.")]
_Name = Annotated[str | None, typer.Option(help="Results of the task or flow of this name alone.")]
_Keys = Annotated[list[str] | None, typer.Option(metavar="KEY", help="This result alone; may be repeated.")]
_Jobs = Annotated[int, typer.Option(min=1, help="So many at a time.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]
_SHOWN: Final = 10  # problems that are printed one by one


def push(
    *,
    storage: Annotated[
        list[str] | None,
        typer.Option(metavar="STORAGE", help="Send to this one alone: a slug, path or URL; may be repeated."),
    ] = None,
    jobs: _Jobs = 8,
    dry_run: _DryRun = False,
    as_json: Json = False,
) -> None:
    """Send results from the spool to the storages that did not take them.

    Each is removed from the spool once its storage has it. Where that has a younger result under the same key by now,
    the younger one stays.

    JSON: an object with dry_run, storages (a list of from, to, copied, there, newer, failed, left, bytes, removed,
    repointed, problem, results (a list of key, result_storage_key, name, size, what, removed, problem)).
    """
    from holdall.maintenance import known_storages, push_spool
    from holdall.settings import current

    settings = current()
    only = known_storages.named(storage or (), settings, os.getcwd())
    done = list(push_spool.push(settings, only=only, jobs=jobs, dry_run=dry_run, track=track))
    if as_json:
        print_json({"dry_run": dry_run, "storages": [_document(each) for each in done]})
    elif not done:
        where = f" for {' or '.join(place.label for place in only)}" if only else ""
        say(f"The spool holds nothing{where}: every result is in its storage.")
    else:
        for each in done:
            say(*(_waiting(each) if dry_run else _pushed(each)))
    for each in done if not dry_run else ():
        _problems(each, "It stays in the spool. See to the storage, and then push again.")
    if not dry_run and not all(each.complete for each in done):
        raise typer.Exit(1)


def copy(
    *,
    source: _From,
    target: _To,
    name: _Name = None,
    key: _Keys = None,
    jobs: _Jobs = 8,
    repoint: Annotated[
        bool, typer.Option("--repoint", help="Let the catalog point to the copies from now on.")
    ] = False,
    dry_run: _DryRun = False,
    as_json: Json = False,
) -> None:
    """Copy results from one storage to another.

    Every payload is checked on its way. What is there already is left out, so after an interruption the same command
    does the rest. Where the target has a younger result under a key, that stays. The catalog goes on pointing to the
    originals, unless --repoint is given.

    JSON: an object with dry_run, from, to, copied, there, newer, failed, left, bytes, removed, repointed, problem,
    results (a list of key, result_storage_key, name, size, what, removed, problem).
    """
    from holdall.catalog.open import open_catalog
    from holdall.maintenance import copy_storage
    from holdall.settings import current

    settings = current()
    catalog = open_catalog(settings, create=False) if repoint else None
    here, there = _place(source), _place(target)
    done = copy_storage.copy(
        here,
        there,
        settings=settings,
        chosen=_chosen(name, key),
        jobs=jobs,
        dry_run=dry_run,
        repoint=catalog,
        track=track,
    )
    _finish(done, dry_run=dry_run, as_json=as_json)
    if not (repoint or dry_run or as_json) and done.count("copied", "there"):
        remark(f"The catalog still points to {here.label}. --repoint lets it point to {there.label}.")
    _end(done)


def move(
    *,
    source: _From,
    target: _To,
    name: _Name = None,
    key: _Keys = None,
    jobs: _Jobs = 8,
    dry_run: _DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Move results from one storage to another; the catalog then points to the new one.

    As copy. Nothing is deleted before all of it has been copied and checked and the catalog points there; what could
    not be copied stays, and so does what the target has a younger one of.

    JSON: an object with dry_run, from, to, copied, there, newer, failed, left, bytes, removed, repointed, problem,
    results (a list of key, result_storage_key, name, size, what, removed, problem).
    """
    from holdall.catalog.open import open_catalog
    from holdall.maintenance import copy_storage
    from holdall.settings import current

    settings = current()
    here, there = _place(source), _place(target)
    chosen = _chosen(name, key)
    which = "these" if chosen.keys or chosen.name else "all"
    confirmed(
        f"Move {which} results to {there.label}, and delete them in {here.label} once all is there?", yes=yes or dry_run
    )
    done = copy_storage.move(
        here,
        there,
        open_catalog(settings, create=False),
        settings=settings,
        chosen=chosen,
        jobs=jobs,
        dry_run=dry_run,
        track=track,
    )
    _finish(done, dry_run=dry_run, as_json=as_json)
    _end(done)


def _place(value: str) -> OpenStorage:
    from holdall.maintenance.known_storages import place_of
    from holdall_cli.views.find_result import open_named

    return place_of(open_named(value))


def _chosen(name: str | None, keys: list[str] | None) -> Selection:
    from holdall.maintenance.copy_report import Selection

    return Selection(name=name, keys=tuple(keys or ()))


def _finish(done: CopyReport, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, **_document(done)})
    else:
        say(*_sentences(done, dry_run=dry_run))
    _problems(done, "The same command tries again what is left.")


def _end(done: CopyReport) -> None:
    if not done.complete:
        raise typer.Exit(1)


def _document(done: CopyReport) -> dict[str, Any]:
    return {
        "from": done.source,
        "to": done.target,
        "copied": done.count("copied"),
        "there": done.count("there"),
        "newer": done.count("newer"),
        "failed": done.count("failed"),
        "left": done.count("left"),
        "bytes": done.size,
        "removed": sum(each.removed for each in done.items),
        "repointed": done.repointed,
        "problem": done.problem,
        "results": [
            {
                "key": each.key,
                "result_storage_key": each.called,
                "name": each.name,
                "size": each.size,
                "what": each.what,
                "removed": each.removed,
                "problem": each.problem,
            }
            for each in done.items
        ],
    }


def _sentences(done: CopyReport, *, dry_run: bool) -> Iterator[str]:
    if not done.items:
        yield f"No results to copy in {done.source}."
        return
    verb = "would be copied" if dry_run else "copied"
    yield f"{_results(done.count('copied'))} {verb} from {done.source} to {done.target}, {shown_size(done.size)}."
    if there := done.count("there"):
        yield f"{_results(there)} had been there before."
    if newer := done.count("newer"):
        yield f"{_results(newer)} not copied: {done.target} has younger ones under their keys, which stay."
    if removed := sum(each.removed for each in done.items):
        yield f"{_results(removed)} removed from {done.source}."
    if done.repointed:
        entries = "1 entry" if done.repointed == 1 else f"{done.repointed} entries"
        yield f"{entries} of the catalog now lead to {done.target}."
    if dry_run:
        yield from (f"  {name}" for name in sorted(each.shown for each in done.items if each.what == "copied"))


def _pushed(done: CopyReport) -> Iterator[str]:
    sent = done.count("copied", "there")
    yield f"{done.target}: {_results(sent)} sent, {shown_size(done.size)}."
    if newer := done.count("newer"):
        yield f"{done.target}: {_results(newer)} given up, as it has younger ones under their keys."


def _waiting(done: CopyReport) -> Iterator[str]:
    size = sum(each.size for each in done.items)
    yield f"{done.target}: {_results(len(done.items))} in the spool, {shown_size(size)}."
    for each in sorted(done.items, key=lambda item: item.shown):
        yield f"  {each.shown}" + (f": {each.problem}" if each.problem else "")


def _problems(done: CopyReport, advice: str) -> None:
    troubled = [each for each in done.items if each.problem is not None]
    for each in troubled[:_SHOWN]:
        remark(f"{each.shown}: {each.problem}")
    if len(troubled) > _SHOWN:
        remark(f"And {len(troubled) - _SHOWN} more like these; --json lists them all.")
    if left := done.count("left"):
        remark(f"{_results(left)} not tried, as several in a row had failed.")
    if done.problem is not None:
        remark(f"{done.target}: {done.problem}")
    if not done.complete:
        remark(advice)


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"
