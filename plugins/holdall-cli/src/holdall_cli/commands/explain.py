"""`holdall explain`: where a result will be kept, when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdall.security import masked
from holdall_cli.views.output import Json, print_json, remark, say

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.declaration.definition import Definition
    from holdall.declaration.resolution import Decision, Resolution


def explain(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A task or flow: module:name or path/to/file.py:name.")
    ],
    *,
    flow: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET", help="The flow that calls it; again for each, from the outermost in."),
    ] = None,
    last_run: Annotated[
        bool, typer.Option("--last-run", help="For a flow: cover the tasks of its last recorded run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say where results will be kept, and why.

    Nothing is run. For a flow, that covers the flow and the tasks that its body names. The module is imported.

    JSON: an object with target, covers (named or recorded), run (id of the run, or null), not_loaded (functions of that
    run that cannot be looked at), resolutions: a list of objects with kind, name, persist, storage, serializer (each
    with value, source, reason, beat), needs, forbidden, text.
    """
    from holdall import settings
    from holdall.catalog.open import open_catalog
    from holdall_cli.views.explain_tree import explanation, tasks_named_by

    unit, around = _loaded(target, flow or [], last_run=last_run)
    recorded = _recorded(unit, open_catalog(settings.current(), create=False)) if last_run else None
    inner = tasks_named_by if recorded is None else lambda each: recorded.called.get(each, [])
    resolutions = explanation(unit, around=around, inner=inner)
    if as_json:
        print_json(
            {
                "target": target,
                "covers": "named" if recorded is None else "recorded",
                "run": None if recorded is None else recorded.run.id,
                "not_loaded": [] if recorded is None else list(recorded.unknown),
                "resolutions": [_document(each) for each in resolutions],
            }
        )
        return
    others = len(resolutions) - 1
    if recorded is not None:
        say(f"The {unit.kind} {unit.name!r} and what its last run called ({recorded.run.id}):", "")
    elif others:
        say(f"The {unit.kind} {unit.name!r} and what its body names:", "")
    for number, each in enumerate(resolutions):
        say(*([""] if number else []), *str(each).splitlines())
    if recorded is not None and recorded.unknown:
        remark(f"Not loaded here, so not covered: {', '.join(recorded.unknown)}.")
    elif unit.kind == "flow" and not others:
        remark("Its body names no task; --last-run covers the tasks of its last recorded run.")
    elif unit.kind == "task" and not around:
        remark("This is how it is kept when no flow is around it; --flow module:flow says which one calls it.")


def _loaded(
    target: str, flows: list[str], *, last_run: bool
) -> tuple[Definition[Any, Any], list[Definition[Any, Any]]]:
    import sys
    from contextlib import redirect_stdout

    from holdall_cli.target import load_target

    with redirect_stdout(sys.stderr):  # a module that prints when it is imported does not spoil the JSON
        unit = load_target(target)
        around = [load_target(each) for each in flows]
    for text, each in zip(flows, around, strict=True):
        if each.kind != "flow":
            raise typer.BadParameter(f"{text} is a task, and --flow names a flow.", param_hint="--flow")
    if last_run and unit.kind != "flow":
        raise typer.BadParameter(f"{target} is a task, and --last-run is for flows.", param_hint="--last-run")
    return unit, around


def _recorded(unit: Definition[Any, Any], catalog: Catalog) -> Any:
    from holdall.errors import MissingResultError
    from holdall_cli.views.recorded_calls import recorded

    found = recorded(unit, catalog)
    if found is None:
        raise MissingResultError(
            f"The catalog knows no run of the flow {unit.name!r} ({unit.function_name}). Run it first, or leave out "
            "--last-run to cover the tasks that its body names."
        )
    return found


def _document(each: Resolution) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "name": each.name,
        "persist": _decision(each.persist),
        "storage": _decision(each.storage),
        "serializer": _decision(each.serializer),
        "needs": list(each.needs),
        "forbidden": each.forbidden,
        "text": str(each),
    }


def _decision(each: Decision) -> dict[str, Any]:
    value = masked(each.value) if isinstance(each.value, str | bool | None) else repr(each.value)
    return {"value": value, "source": each.source, "reason": each.reason, "beat": list(each.beat)}
