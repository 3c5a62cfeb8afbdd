"""Commands of the entry-point group `holdall.cli`, each imported when it is looked up."""

from __future__ import annotations

import inspect
from collections import UserDict
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer
from typer.core import TyperCommand
from typer.main import get_group

from holdall.errors import HoldallError, PluginBrokenError, PluginConflictError
from holdall.plugins import registry
from holdall.plugins.entry_points import normalised
from holdall.plugins.loading import target_of
from holdall_cli.views.output import complain

if TYPE_CHECKING:
    from holdall.plugins.entry_points import Entry

PROGRAM: Final = "holdall"
"""The entry that is the program itself and no command of it."""
_KIND: Final = "cli"
_OWN: Final = "holdall-cli"
_ORDER: Final = ("result", "run", "explain", "block", "plugin", "config", "key", "catalog", "gc", "version")


def command_names() -> list[str]:
    """Lists the names that installed distributions offer: those of this one in their order, then the others by name."""
    offered = {name for name in registry.names(_KIND) if name != PROGRAM}
    return [*(name for name in _ORDER if name in offered), *sorted(offered.difference(_ORDER))]


class Commands(UserDict[str, Any]):
    """Mapping of names to commands, imported when looked up; one that cannot be imported raises the reason when it runs."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(command_names()))

    def __getitem__(self, name: str) -> Any:
        command = self.data[name]
        if command is None:
            command = self.data[name] = load_command(name)
        return command


def load_command(name: str, /) -> Any:
    """Returns the command of that name, or one that raises the error that prevents its use."""
    try:
        entry = _chosen(name)
        value = target_of(entry, noun="command")
        try:
            return command_of(name, value)
        # typer raises errors of many kinds for a signature that it cannot read.
        except Exception as error:
            raise PluginBrokenError(
                f"The command {name!r} of {entry} cannot be used: {type(error).__name__}: {error}. "
                f"Upgrade {entry.distribution}, or uninstall it."
            ) from error
    except HoldallError as error:
        return _unusable(name, error)


def command_of(name: str, value: object, /) -> Any:
    """Returns the command for the value of an entry point.

    Args:
        name: what users type.
        value: a `typer.Typer`, whose commands stand below the name, or a function, which is one command.

    Raises:
        TypeError: it is neither.
    """
    parent = typer.Typer(rich_markup_mode=None, add_completion=False)
    if isinstance(value, typer.Typer):
        parent.add_typer(value, name=name, no_args_is_help=True)
    elif inspect.isroutine(value):
        parent.command(name)(value)
    else:
        raise TypeError(f"it is a {type(value).__name__}, and a command is a typer.Typer or a function")
    return get_group(parent).commands[name]


def _chosen(name: str) -> Entry:
    """Returns the entry of a name; this distribution's own if others claim it as well and the user has not chosen."""
    try:
        return registry.find(_KIND, name, prefer={})
    except PluginConflictError:
        from holdall.settings import current

    try:
        return registry.find(_KIND, name, prefer=current().plugins_prefer)
    except PluginConflictError as error:
        for entry in registry.entries(_KIND):
            if entry.name == name and entry.shadowed_by is None and normalised(entry.distribution) == _OWN:
                complain("Warning", f"{error} Until then, {name} is that of {_OWN}.")
                return entry
        raise


def _unusable(name: str, error: HoldallError) -> TyperCommand:
    def refuse() -> NoReturn:
        raise error

    return TyperCommand(
        name,
        callback=refuse,
        help="Cannot be used; `holdall plugin doctor` says why.",
        add_help_option=False,  # with any arguments it raises the error
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        rich_markup_mode=None,
    )
