"""`holdall config show`."""

from __future__ import annotations

import os
from typing import Any, Final

import typer

from holdall_cli.views.output import HIDDEN, Json, print_json, remark, table

_LONGEST_ID: Final = 40  # an id may have 64 characters, and the text of a key has no fewer than 43

app = typer.Typer(help="The settings that are in force here.")


@app.command()
def show(*, as_json: Json = False) -> None:
    """Each setting, and where its value comes from.

    Secrets are not shown, and of signers their names alone.

    JSON: a list of objects with name, value, source (the name of an environment variable, the path of a file, or
    default), variable (the one that would set it; null for a block). A key that is set has the value **********.
    """
    from holdall import settings
    from holdall.security import masked

    found = settings.Settings.read(os.getcwd(), dict(os.environ))  # as programs have them
    rows: list[dict[str, Any]] = []
    for option in settings.options():
        value = getattr(found, option)
        rows.append(
            {
                "name": option,
                "value": masked(sorted(value) if isinstance(value, frozenset) else value),
                "source": found.sources[option].removeprefix("environment variable "),
                "variable": settings.variable(option),
            }
        )
    for name, variable in settings.OF_THE_USER.items():
        source = found.sources.get(name, settings.DEFAULT).removeprefix("environment variable ")
        listed = getattr(found, name)
        value = None if listed is None or source == settings.DEFAULT else [_without_key(each) for each in listed]
        rows.append({"name": name, "value": value, "source": source, "variable": variable})
    for variable in (settings.SECRET_KEY, settings.SIGNING_KEY, settings.ENCRYPTION_KEY):
        name = variable.removeprefix("HOLDALL_").lower()
        given = bool(found.environ.get(variable))
        source = variable if given else settings.DEFAULT
        rows.append({"name": name, "value": HIDDEN if given else None, "source": source, "variable": variable})
    for slug in sorted(found.blocks):
        # Which of its fields are secrets, its class knows, and that may not be installed.
        name = f"blocks.{slug}"
        rows.append({"name": name, "value": HIDDEN, "source": found.sources[name], "variable": None})
    if as_json:
        print_json(rows)
        return
    table(("SETTING", "VALUE", "FROM"), ((row["name"], _shown(row["value"]), row["source"]) for row in rows))
    if found.blocks:
        remark("`holdall block show` shows a block without its secrets.")


def _without_key(signer: str) -> str:
    """The name and kind of a signer: somebody may have put a private key there."""
    name, _, key = signer.rpartition(":")
    return name or (key if len(key) <= _LONGEST_ID else HIDDEN)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(value) or "-"
    return str(value)
