"""How far long work has come, for whoever watches."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from holdall import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_T = TypeVar("_T")
_LONG: Final = 0.5  # seconds: what is done before then needs no bar


def track(items: Sequence[_T], what: str, /) -> Iterable[_T]:
    """A bar on standard error once it takes long, in a terminal and where `HOLDALL_PROGRESS` is not 0."""
    if not sys.stderr.isatty() or not settings.current().progress:
        return items
    return _tracked(items, what)


def _tracked(items: Sequence[_T], what: str) -> Iterator[_T]:
    started = time.monotonic()
    bar: Any = None
    try:
        for done, item in enumerate(items):
            if bar is None and time.monotonic() - started >= _LONG:
                bar = _bar()
                task = bar.add_task(what, total=len(items))
            if bar is not None:
                bar.update(task, completed=done)
            yield item
    finally:
        if bar is not None:
            bar.stop()


def _bar() -> Any:
    from rich.console import Console  # noqa: PLC0415 - 0.1 s, which short work does not need
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False),
        transient=True,
    )
    bar.start()
    return bar
