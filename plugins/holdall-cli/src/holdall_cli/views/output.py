"""Output of commands: tables, sentences and JSON on standard output; remarks and progress on standard error."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def _accepted(names: list[str] | None) -> list[str] | None:
    if names:
        from holdall.settings.inspection import accept

        accept(each for name in names for each in name.split(","))
    return names


Accept: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="NAME",
        help="Accept this too, as unsigned: what accept= takes in Python; may be repeated.",
        callback=_accepted,
    ),
]

HIDDEN: Final = "**********"
_ENDLESS: Final = 1_000_000  # columns: wider than any table, so that a pipe gets every value whole and on one line
_LONG: Final = 0.5  # seconds: sooner than in a library, as somebody waits for nothing but this
_T = TypeVar("_T")


def print_json(value: Any, /) -> None:
    """Prints a value as JSON, escaped beyond ASCII so that the encoding of the pipe does not matter."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
    """Prints headings and cells; folded to fit a terminal, never cut."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(printable("" if cell is None else str(cell)) for cell in row))
    console = _console()
    if sys.stdout.isatty():
        console.print(drawn)
        return
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def say(*lines: str) -> None:
    """Prints sentences, wrapped in a terminal and one a line elsewhere."""
    console = _console()
    for line in lines:
        console.print(printable(line), soft_wrap=not sys.stdout.isatty())


def pairs(items: Iterable[tuple[str, object]], /) -> None:
    """Prints names and values below a sentence."""
    given = [(name, "" if value is None else printable(str(value))) for name, value in items]
    width = max((len(name) for name, _ in given), default=0)
    for name, value in given:
        sys.stdout.write(f"  {name:<{width}}  {value}".rstrip() + "\n")


def remark(text: str, /) -> None:
    """Prints a remark on standard error, apart from the output that programs read."""
    typer.echo(_wrapped(printable(text)), err=True)


def complain(kind: str, text: str, /) -> None:
    """Prints an error or a warning as one block."""
    head = kind
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        head = typer.style(kind, fg="red" if kind == "Error" else "yellow", bold=True)
    typer.echo(_wrapped(printable(f"{kind}: {text}")).replace(kind, head, 1), err=True)


@contextmanager
def working(what: str, /) -> Iterator[None]:
    """Shows a spinner in a terminal while the `with` block runs."""
    busy: AbstractContextManager[Any] = nullcontext()
    if sys.stderr.isatty():
        from rich.console import Console

        busy = Console(stderr=True, markup=False).status(f"{what} …")
    with busy:
        yield


def track(items: Sequence[_T], what: str, /) -> Iterable[_T]:
    """Yields the items, with a bar on standard error once it takes long, in a terminal and unless `HOLDALL_PROGRESS` is 0."""
    from holdall.settings.model import current
    from holdall.storage.progress import wanted

    return _tracked(items, what) if wanted(enabled=current().progress) else items


def _tracked(items: Sequence[_T], what: str) -> Iterator[_T]:
    from holdall.storage.progress import watched

    with watched(what, len(items), unit="items", after=_LONG) as done:
        for item in items:
            yield item
            done(1)


def printable(text: str, /) -> str:
    """Escapes control characters, so that stored text cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def moment(seconds: float | None, /) -> str:
    """Formats a time as local time."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def size(count: int, /) -> str:
    """Formats bytes in units of 1000."""
    from rich.filesize import decimal

    return decimal(count)


def duration(seconds: float, /) -> str:
    """Formats seconds as milliseconds, seconds, minutes or hours, rounded."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.{0 if seconds >= 0.00995 else 1}f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def confirmed(question: str, /, *, yes: bool) -> None:
    """Returns if the answer is yes; otherwise the program ends with status 1."""
    if yes or typer.confirm(printable(question), err=True):
        return
    remark("Nothing was changed.")
    raise typer.Exit(1)


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _ENDLESS, markup=False, highlight=False, emoji=False)


def _wrapped(text: str) -> str:
    if not sys.stderr.isatty():
        return text
    width = max(os.get_terminal_size(sys.stderr.fileno()).columns or 80, 20)  # 0 where nobody has told the terminal
    lines = text.splitlines()
    return "\n".join(textwrap.fill(each, width, break_long_words=False, break_on_hyphens=False) for each in lines)
