"""`holdall result`: lists, shows, prints and deletes stored results."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from holdall_cli.commands import copy
from holdall_cli.views.output import Accept, Json, confirmed, moment, print_json, remark, say, table
from holdall_cli.views.output import size as shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable

app = typer.Typer(help="Kept results: where they are, and their bytes.")

_Name = Annotated[
    str,
    typer.Argument(metavar="KEY", help="The key or name of a result, or the id of the run that made it."),
]
_Storage = Annotated[
    str | None, typer.Option(metavar="STORAGE", help="Look in this storage (slug, path or URL), not in the catalog.")
]
_NONE: Final = (
    "No results yet. A result is kept where persist_result=True, a storage, caching or retries ask for it; "
    "`holdall explain module:flow` says what will be kept. The catalog is in {home}."
)


@app.command("ls")
def ls(
    *,
    storage: _Storage = None,
    name: Annotated[str | None, typer.Option(help="Results of the task or flow of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    _accept: Accept = None,
    as_json: Json = False,
) -> None:
    """What is kept, newest first.

    That is what the catalog knows; with --storage, the records that lie there.

    JSON: a list of objects with key, result_storage_key (or null), name (of the task or flow), storage, size (bytes of
    the payload), created, expires, expired, run_id, problem (why a record cannot be read, or null).
    """
    from holdall.settings import current
    from holdall_cli.views.result_rows import in_catalog, in_storage

    if storage is None:
        rows, has_more = in_catalog(name, limit)
    else:
        rows, has_more = in_storage(storage, name, limit)
    if as_json:
        print_json([row.document() for row in rows])
    elif rows:
        table(
            ("KEY", "NAME", "STORAGE", "SIZE", "CREATED", "EXPIRES"),
            (
                (
                    row.called or row.key,
                    row.name or "-",
                    row.storage,
                    "?" if row.size is None else shown_size(row.size),
                    moment(row.created),
                    ("expired " if row.expired else "") + moment(row.expires) if row.expires else "-",
                )
                for row in rows
            ),
        )
        for row in rows:
            if row.problem:
                remark(f"Not readable: {row.problem}")
        if has_more:
            remark(f"These are the newest {limit}; --limit shows more.")
    elif name is not None:
        remark(f"No results of {name!r} here. `holdall result ls` without --name lists all.")
    elif storage is not None:
        remark(f"No records in {storage}. `holdall result ls` lists what the catalog knows of other storages.")
    else:
        remark(_NONE.format(home=current().home))


@app.command()
def show(key: _Name, *, storage: _Storage = None, _accept: Accept = None, as_json: Json = False) -> None:
    """The record of a result, in words.

    It says what made the result and when, where its bytes are, and until when it is kept.

    JSON: an object with key, result_storage_key (or null), copy (its readable copy, or null), storage (slug, type,
    location), serializer (type, options, written_with), created, expires, expired, producer, payload (size, media_type,
    path, inline, checksum; null for a literal), literal ("true", "false", "null", or null where it is none).
    """
    from holdall_cli.views import find_result, result_view

    result = find_result.find(key, storage)
    if isinstance(result, find_result.Literal):
        if as_json:
            print_json(result_view.literal_document(result))
        else:
            say(f"The result of the {result.run.kind} run {result.run.id} ({result.run.name}) is {result.value!r}.")
            say("It is kept in the catalog, with no record in a storage.")
        return
    record = result.record()
    if as_json:
        print_json(result_view.document(record))
    else:
        say(*result_view.sentences(record, result))


@app.command()
def cat(key: _Name, *, storage: _Storage = None, _accept: Accept = None) -> None:
    """Write the payload to standard output.

    Byte for byte, and checked against its checksum. A literal is written as its JSON: true, false or null.
    """
    from holdall_cli.views import find_result, result_view

    result = find_result.find(key, storage)
    if isinstance(result, find_result.Literal):
        sys.stdout.write(result_view.LITERALS[result.value])
        return
    record = result.record()
    if record.payload is None:
        sys.stdout.write(result_view.LITERALS[record.literal])
        return
    sys.stdout.flush()
    if sys.stdout.isatty() and not _is_text(record.payload.media_type):
        from holdall.errors import ConfigurationError

        raise ConfigurationError(
            f"The payload is {record.payload.media_type}, which is not for a terminal. Send it to a file or a program: "
            f"holdall result cat {key} > payload"
        )
    if record.expires_at is not None and record.expires_at <= time.time():
        remark(f"This result was kept until {record.expires}; it would not be loaded any more.")
    with result.open(record.payload) as payload:
        shutil.copyfileobj(payload, sys.stdout.buffer, 4 << 20)
    sys.stdout.buffer.flush()


@app.command()
def path(key: _Name, *, storage: _Storage = None, _accept: Accept = None) -> None:
    """Where the payload lies: a path, or a URL.

    A small payload lies inside its record, and then it is the record's path.
    """
    from holdall.errors import MissingResultError
    from holdall_cli.views import find_result

    result = find_result.find(key, storage)
    if isinstance(result, find_result.Literal):
        raise MissingResultError(
            f"The result of run {result.run.id} is {result.value!r}, kept in the catalog alone: no file has it."
        )
    payload = result.record().payload
    if payload is not None and payload.path is not None:
        sys.stdout.write(result.path_of(payload.path) + "\n")
        return
    sys.stdout.write(result.path_of(result.key) + "\n")
    what = "value" if payload is None else "payload"
    remark(f"The {what} lies inside this record; `holdall result cat {key}` writes it alone.")


@app.command()
def delete(
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="Keys, names, or ids of the runs that made them."),
    ],
    *,
    storage: _Storage = None,
    _accept: Accept = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete results for good.

    Record, payload, readable copy and what the catalog knows of them; what it knows of the run stays.
    """
    from holdall.errors import MissingResultError
    from holdall_cli.views import find_result

    # All are looked up before the first is deleted, so that a misspelt one changes nothing.
    results: list[Any] = [find_result.find(key, storage, whole=False) for key in keys]
    for key, result in zip(keys, results, strict=True):
        if isinstance(result, find_result.Literal):
            raise MissingResultError(
                f"{key} is {result.value!r}, which is part of the record of its run; there is nothing else to delete."
            )
    confirmed(_question(results), yes=yes)
    for result in results:
        for line in result.delete():
            say(line)


def _question(results: Iterable[Any]) -> str:
    names = [f"{result.title} in {result.label}" for result in results]
    return f"Delete {names[0]}?" if len(names) == 1 else "Delete these?\n  " + "\n  ".join(names) + "\nAll"


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type == "application/json"


app.command("push")(copy.push)
app.command("copy")(copy.copy)
app.command("move")(copy.move)
