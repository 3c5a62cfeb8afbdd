"""The page docs/reference/cli.md is what the commands say of themselves; run this file to print it anew."""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from holdall_cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
INTRODUCTION = """\
# The command line

{help}

It is a distribution of its own, `pip install "holdall[cli]"`; without it, the command prints that line and ends with 2.
[Other distributions](../how-to/add-a-command.md) add commands.

`holdall --install-completion` sets up completion in your shell. `NO_COLOR` is respected, and what goes into a pipe is
neither coloured nor cut.
"""


def page() -> str:
    """Every command with its arguments and options, as Markdown."""
    program = typer.main.get_command(app)
    parts = [INTRODUCTION.format(help=_help(program))]
    for name, command in _commands(program, "holdall"):
        usage = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        parts.append(f"## {name}\n")
        words = " ".join([name, *(each.metavar for each in usage)])
        parts.append(f"```text\n{words}\n```\n")
        parts.append(_help(command) + "\n")
        parts += [f"* `{each.metavar}`: {each.help}" for each in usage]
        options = [each for each in command.params if each.param_type_name == "option" and each.help]
        parts += [f"* `{_spelling(each)}`: {each.help}" for each in options]
        if usage or options:
            parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    for each in group.list_commands(None):
        command = group.commands[each]
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def _help(command: Any) -> str:
    return inspect.cleandoc(command.help)


def _spelling(option: Any) -> str:
    names = ", ".join(option.opts)
    return f"{names} {option.metavar}" if option.metavar else names


def test_the_page_is_what_the_commands_say() -> None:
    """Where this fails: `python plugins/holdall-cli/tests/test_reference.py > docs/reference/cli.md`."""
    assert page() == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["result", "ls"],
        ["result", "show", "report"],
        ["run", "ls"],
        ["run", "show", "<main>"],
        ["explain", "pipeline:main"],
        ["block", "ls"],
        ["block", "show", "local-file-system/lake"],
        ["block", "check", "local-file-system/lake"],
        ["plugin", "ls"],
        ["plugin", "show", "json"],
        ["config", "show"],
        ["key", "new"],
        ["version"],
    ],
)
def test_the_help_names_each_key_of_the_json(holdall: Any, ids: dict[str, str], arguments: list[str]) -> None:
    """A key is promised by being named there."""
    holdall("block", "create", "local-file-system/lake", "--set", "basepath=./lake")
    command = " ".join(arguments[: 1 if arguments[0] in {"explain", "version"} else 2])
    told = dict(_commands(typer.main.get_command(app), "holdall"))
    text = _help(told[f"holdall {command}"]) + (_help(told["holdall run ls"]) if command == "run show" else "")
    document = json.loads(holdall(*(ids["main"] if each == "<main>" else each for each in arguments), "--json").stdout)
    row = document[0] if isinstance(document, list) else document

    assert set() == set(row) - set(re.findall(r"\w+", text))


def test_every_listing_says_what_its_json_is() -> None:
    """Those that are not tried above as well."""
    silent = dict.fromkeys(
        name
        for name, command in _commands(typer.main.get_command(app), "holdall")
        if any("--json" in option.opts for option in command.params)
        and not re.search(r"^JSON: an? (list|object)", _help(command), re.MULTILINE)
    )

    assert [] == list(silent)


if __name__ == "__main__":
    sys.stdout.write(page())
