"""The program `holdall`: its options, errors and exit status."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from holdall.errors import HoldallError, HoldallWarning, UntrustedResultError
from holdall_cli.discovery import Commands
from holdall_cli.views.output import complain

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count it


class _Program(TyperGroup):
    """Command group whose exit status is 0, 1 with one message after an error of holdall, and 2 after wrong usage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        from holdall.settings.inspection import looking, refused

        try:
            with looking():
                return super().invoke(ctx)
        except HoldallError as error:
            complain("Error", str(error))
            if isinstance(error, UntrustedResultError) and (said := refused()) is not None:
                complain("Note", said)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None


# Plain help: to draw it with rich would take three times as long as all the rest. Tracebacks are Python's own, as
# typer's may show the values of variables, secrets among them.
app = typer.Typer(cls=_Program, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


def _version_and_exit(asked: bool) -> None:
    if asked:
        from holdall_cli.commands.version import version

        version()
        raise typer.Exit


@app.callback()
def _holdall(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Same as `holdall version`.", callback=_version_and_exit, is_eager=True)
    ] = False,
) -> None:
    """See what holdall keeps: results, runs, storage blocks, and why a result is kept where it is.

    Every listing takes --json: then nothing else stands on standard output, and the keys named in its help are stable.
    The exit status is 0, 1 after an error, 2 where the command was not understood.
    """


def run() -> None:
    """Runs the program on this process's arguments, and ends it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name in a catalog may have what the terminal has not
    warnings.showwarning = _showing(warnings.showwarning)
    try:
        app(prog_name="holdall")
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None  # typer does not catch it before and after its own work
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has closed the pipe; the flush at exit must not raise again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _showing(before: Callable[..., None]) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, HoldallWarning):
            complain("Warning", str(message))
        else:
            before(message, category, *where, **more)

    return show
