"""Fields of a block from options and from prompts in a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from holdall.plugins.options import asked, options
from holdall_cli.views.output import remark

if TYPE_CHECKING:
    from holdall.abc.block import StorageBlock


def given_fields(given: list[str], from_env: list[str]) -> dict[str, str]:
    """Parses --set and --set-env."""
    fields: dict[str, str] = {}
    for option, each in [*(("--set", each) for each in given), *(("--set-env", each) for each in from_env)]:
        name, equals, value = each.partition("=")
        if not (equals and name.strip()):
            # Not repeated: it may be a secret whose name was forgotten.
            form = "FIELD=VALUE" if option == "--set" else "FIELD=VAR"
            raise typer.BadParameter(f"it takes {form}.", param_hint=option)
        if option == "--set-env":
            if value not in os.environ:
                raise typer.BadParameter(f"the environment variable {value} is not set.", param_hint=option)
            value = os.environ[value]
        fields[name.strip()] = value
    return fields


def ask(cls: type[StorageBlock], fields: dict[str, str], prompted: list[str], /) -> dict[str, str]:
    """Adds the fields of --prompt, and in a terminal those that the user answers.

    Where some are given, only what is required and missing is asked for. Without a terminal nothing is: the block then
    says what it misses.
    """
    answers = dict(fields)
    for name in prompted:
        answers[name] = typer.prompt(name, hide_input=True, err=True)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return answers
    known = options(cls)
    core = [each for each in asked(cls) if each.name not in answers]
    for option in [each for each in core if each.required] if answers else core:
        if option.about:
            remark(f"{option.name}: {option.about}")
        default = None if option.required else "" if option.default is None else str(option.default)
        answer = typer.prompt(
            option.name if default != "" else f"{option.name} (Enter for none)",
            default=default,
            show_default=bool(default),
            hide_input=option.secret,
            err=True,
        )
        if answer != default:
            answers[option.name] = answer
    rest = ", ".join(each.name for each in known if each not in asked(cls))
    if rest and not fields:
        remark(f"By --set there are also {rest}; `holdall plugin show storage.{cls.slug}` explains them.")
    return answers
