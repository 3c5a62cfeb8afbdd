"""`holdall plugin`: lists, shows and checks installed plugins."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from holdall_cli.views.output import Json, complain, pairs, print_json, remark, say, table

if TYPE_CHECKING:
    from holdall.plugins.options import Option

app = typer.Typer(help="What is installed, and whether it works.")

_KEYS = ("kind", "name", "distribution", "version", "target", "location", "shadowed_by")


@app.command("ls")
def ls(*, as_json: Json = False) -> None:
    """Every plugin by kind and name.

    The built-in ones are among them. None is imported.

    JSON: a list of objects with kind, name, distribution, version, target, location, shadowed_by (the folder of the
    copy that is used instead, or null).
    """
    from holdall.plugins import installed

    plugins = installed()
    if as_json:
        print_json([{key: getattr(info, key) for key in _KEYS} for info in plugins])
        return
    table(
        ("KIND", "NAME", "FROM", "TARGET"),
        (
            (
                info.kind,
                info.name,
                f"{info.distribution} {info.version}" + (" (not used)" if info.shadowed_by else ""),
                info.target,
            )
            for info in plugins
        ),
    )
    remark("`holdall plugin doctor` tries whether they all work.")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name (s3), a kind and a name (storage.s3) or a distribution.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """What a plugin is and takes, and whether it works.

    JSON: a list of objects with kind, name, distribution, version, target, location, shadowed_by, status, problem,
    api_version, summary, options: objects with name, type, required, default, secret, about.
    """
    from holdall import plugins
    from holdall.settings import current

    details = plugins.show(name, prefer=current().plugins_prefer)
    if as_json:
        rows = []
        for each in details:
            more = {key: value for key, value in asdict(each).items() if key != "info"}
            rows.append({key: getattr(each.info, key) for key in _KEYS} | more)
        print_json(rows)
        return
    for each in details:
        info = each.info
        say(f"{info.kind}.{info.name} from {info.distribution} {info.version}: {each.status}".replace("  ", " "))
        if each.summary:
            say(" ".join(each.summary.split()))
        if each.problem:
            say(each.problem)
        pairs([("target", info.target), ("location", info.location), ("api version", each.api_version or "unknown")])
        if each.options:
            table(
                ("OPTION", "TYPE", "DEFAULT", "ABOUT"),
                ((option.name, option.type, _default(option), option.about) for option in each.options),
            )


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Import every plugin and say what is wrong.

    The exit status is 1 where something is.

    JSON: a list of objects with level (error or note), kind, name, distribution, message.
    """
    from holdall import plugins
    from holdall.settings import current

    findings = plugins.doctor(prefer=current().plugins_prefer)
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        for each in findings:
            complain("Error" if each.level == "error" else "Note", f"{each.kind}.{each.name}: {each.message}")
        broken = len({(each.kind, each.name) for each in findings if each.level == "error"})
        count = len({(info.kind, info.name) for info in plugins.installed()})
        say(f"{count} plugins, {broken} with errors." if broken else f"All {count} plugins work.")
    if any(each.level == "error" for each in findings):
        raise typer.Exit(1)


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default is None:
        return "-"
    return option.default if isinstance(option.default, str) else json.dumps(option.default)
