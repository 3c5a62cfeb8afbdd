"""`holdall run`: lists and shows recorded runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from holdall.errors import ConfigurationError
from holdall_cli.views.output import Json, duration, moment, print_json, remark, say, table

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.types import RunRow

app = typer.Typer(help="Runs of tasks and flows, and how they ended.")

_NONE: Final = "No runs yet. Call a task or a flow, and what it did is listed here; the catalog is in {home}."


@app.command("ls")
def ls(
    *,
    kind: Annotated[Literal["task", "flow"] | None, typer.Option(help="Runs of this kind alone.")] = None,
    name: Annotated[str | None, typer.Option(help="Runs of the task or flow of this name.")] = None,
    flow: Annotated[
        str | None, typer.Option(help="Runs inside this flow run: its id, or a flow's name for its last run.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """Runs, newest first.

    JSON: a list of objects with id, kind, name, function, flow_run_id, parent_run_id, state, message, started, ended,
    duration (seconds), attempts, cached, result (the JSON of a ResultLiteral or ResultReference, or null).
    """
    from holdall.catalog.open import open_catalog
    from holdall.settings import current

    settings = current()
    catalog = open_catalog(settings, create=False)
    around = None if flow is None else _flow_run(flow, catalog)
    rows = catalog.runs(limit=limit + 1, kind=kind, name=name, flow_run_id=None if around is None else around.id)
    if as_json:
        print_json([as_document(row) for row in rows[:limit]])
    elif rows:
        _print_table(rows[:limit])
        if len(rows) > limit:
            remark(f"These are the newest {limit}; --limit shows more.")
    elif kind or name or around:
        remark(f"No such runs. {_of_name(name, catalog)}`holdall run ls` without options lists all.")
    else:
        remark(_NONE.format(home=settings.home))


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its first characters.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many runs inside it.")] = 50,
    as_json: Json = False,
) -> None:
    """One run, its result and the runs inside it.

    JSON: an object with the keys of `run ls` and children, a list of such objects.
    """
    from holdall.catalog.open import open_catalog
    from holdall.settings import current

    catalog = open_catalog(current(), create=False)
    row = find_run(run_id, catalog)
    # What runs inside a flow names it, which the catalog finds faster than the run that called it.
    flow_run_id = row.id if row.kind == "flow" else row.flow_run_id
    children = catalog.runs(limit=limit + 1, flow_run_id=flow_run_id, parent_run_id=row.id)
    more = len(children) > limit
    children = children[:limit][::-1]
    if as_json:
        print_json(as_document(row) | {"children": [as_document(each) for each in children]})
        return
    say(*_sentences(row, catalog))
    if children:
        say("Runs inside it:" if not more else f"The last {limit} runs inside it:")
        _print_table(children)


def find_run(run_id: str, catalog: Catalog, /) -> RunRow:
    """Returns the run of that id or of its first characters.

    Raises:
        MissingResultError: there is none; the message suggests similar ones.
    """
    row = catalog.run(run_id)
    if row is None:
        from holdall.errors import MissingResultError
        from holdall.suggest import suggestion

        named = catalog.runs(limit=1, name=run_id)
        near = (
            f" {run_id!r} is the name of a {named[0].kind}: its last run is {named[0].id}."
            if named
            else suggestion(run_id, (each.id for each in catalog.runs(limit=1000)), cutoff=0.8)
        )
        raise MissingResultError(f"The catalog knows no run {run_id!r}.{near} `holdall run ls` lists those it knows.")
    return row


def as_document(row: RunRow, /) -> dict[str, Any]:
    from holdall.results.record import timestamp

    return {
        **row._asdict(),
        "started": timestamp(row.started),
        "ended": timestamp(row.ended),
        "duration": None if row.ended is None else round(row.ended - row.started, 6),
        "result": None if row.result is None else json.loads(row.result),
    }


def _flow_run(text: str, catalog: Catalog) -> RunRow:
    named = catalog.runs(limit=1, kind="flow", name=text)
    return named[0] if named else find_run(text, catalog)


def _of_name(name: str | None, catalog: Catalog) -> str:
    from holdall.suggest import suggestion

    names = {row.name for row in catalog.runs(limit=1000)}
    near = suggestion(name, names).strip() if name is not None and name not in names else ""
    return f"{near} " if near else ""


def _print_table(rows: list[RunRow]) -> None:
    table(
        ("ID", "KIND", "NAME", "STATE", "STARTED", "TOOK", "RESULT"),
        ((row.id, row.kind, row.name, _state(row), moment(row.started), _took(row), _result(row)) for row in rows),
    )


def _state(row: RunRow) -> str:
    notes = [*(["cached"] if row.cached else []), *([f"{row.attempts} attempts"] if row.attempts > 1 else [])]
    return f"{row.state} ({', '.join(notes)})" if notes else row.state


def _took(row: RunRow) -> str:
    return "" if row.ended is None else duration(row.ended - row.started)


def _result(row: RunRow) -> str:
    if row.result is None:
        return "-"
    from holdall.results import ResultReference, from_json

    try:
        result = from_json(row.result)
    except ConfigurationError:
        return "?"  # one odd row must not hide the others
    return (result.name or result.key) if isinstance(result, ResultReference) else repr(result.value)


def _sentences(row: RunRow, catalog: Catalog) -> list[str]:
    took = f"after {duration(row.ended - row.started)}" if row.ended is not None else "which has not ended"
    if row.ended is None and time.time() - row.started > 1:
        took = f"for {duration(time.time() - row.started)} now, unless its process was ended"
    how = "its value came from the cache" if row.cached else f"attempts: {row.attempts}"
    lines = [
        f"Run {row.id} of the {row.kind} {row.name!r} ({row.function}).",
        f"It started on {moment(row.started)} and is {row.state}, {took}; {how}.",
    ]
    if row.message:
        lines.append(f"Message: {row.message}")
    for what, each in (("flow run", row.flow_run_id), ("run", row.parent_run_id)):
        if each is not None and (what == "flow run" or each != row.flow_run_id):
            around = catalog.run(each)
            lines.append(f"It ran inside the {what} {each}{f' ({around.name})' if around is not None else ''}.")
    lines.append(_whereabouts(row, catalog))
    return lines


def _whereabouts(row: RunRow, catalog: Catalog) -> str:
    if row.result is None:
        why = "; `holdall explain` says which rule decided" if row.state == "completed" else ""
        return f"No result was kept{why}."
    from holdall.results import ResultReference, from_json

    result = from_json(row.result)
    if not isinstance(result, ResultReference):
        return f"Its result is {result.value!r}, kept here in the catalog."
    forgotten = "" if catalog.references(limit=1, key=result.key) else " (which the catalog does not list any more)"
    return f"Its result is in {result.storage.label}, under {result.title}{forgotten}."
