"""Bars on standard error for work that takes long: in a terminal, and where `HOLDALL_PROGRESS` is not 0.

All work of a process shares one display, which a thread of its own draws: whoever waits for a network cannot. It starts
with the first work that may take long, and neither it nor rich is there before.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextlib import contextmanager, suppress
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any, Final, Literal

from holdall._system import fork
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Unit = Literal["bytes", "items"]

_LONG: Final = 2.0
"""Seconds: what is done before then needs no bar."""
_OFTEN: Final = 0.1
_IDLE: Final = 5.0
"""Seconds that the thread waits for more to do: to start one costs as much as to write a megabyte."""
_PLAIN: Final = frozenset({"dumb", "unknown"})
"""Terminals that cannot go back on what is written."""
_ROWS: Final = 8
"""Of more at once, those that were begun first are shown."""


def wanted() -> bool:
    """Whether anybody would see a bar; some microseconds, and less where standard error is no terminal."""
    try:
        if not sys.stderr.isatty() or os.environ.get("TERM") in _PLAIN:
            return False
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
    # The workers of a pool would all draw on the terminal that they have from their parent.
    processes = sys.modules.get("multiprocessing")
    return settings.current().progress and (processes is None or processes.parent_process() is None)


@contextmanager
def watched(
    what: str, total: int | None, /, *, unit: Unit = "bytes", after: float | None = None
) -> Iterator[Callable[[int], None]]:
    """A bar while the block runs, once that is `after` seconds (2); ask whether one is `wanted` first.

    Gives what counts: call it, in any thread, with how many bytes or items have been done since the last call.
    """
    work = _Work(what, total, unit, _LONG if after is None else after)
    _display.add(work)
    try:
        yield work
    finally:
        _display.remove(work)


class _Work:
    """Something under way."""

    __slots__ = ("_lock", "begins", "done", "started", "total", "unit", "what")

    def __init__(self, what: str, total: int | None, unit: Unit, after: float) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = 0
        self.started = time.monotonic()
        self.begins = self.started + after
        self._lock = Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self.done += count

    def columns(self) -> dict[str, Any]:
        """What rich's bar of it says. One that nothing has come of yet only moves: perhaps nobody will tell."""
        done = self.done if self.total is None else min(self.done, self.total)
        return {
            "completed": done,
            "total": self.total if done else None,
            "amount": _amount(done, self.total, self.unit, time.monotonic() - self.started),
        }


class _Display:
    """The one display of this process."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._works: list[_Work] = []
        self._rows: dict[_Work, Any] = {}
        self._bar: Any = None
        self._thread: Thread | None = None
        self._closed = False

    def add(self, work: _Work) -> None:
        with self._changed:
            self._works.append(work)
            if self._thread is None:
                self._thread = Thread(target=self._draw, name="holdall-progress", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def remove(self, work: _Work) -> None:
        """When this returns, nothing of it is on the terminal, where the caller may write the next line."""
        with self._changed:
            self._works.remove(work)
            if work in self._rows:
                self._refresh()

    def close(self) -> None:
        """Take the display away for good, and give the cursor back, whatever is still under way."""
        with self._changed:
            self._closed = True
            self._refresh()

    def _draw(self) -> None:
        while not self._closed and self._wait():
            bar = _bar() if self._bar is None else self._bar  # rich is imported without keeping anybody waiting
            with self._changed:
                self._bar = bar
                self._refresh()
                self._changed.wait(_OFTEN)

    def _wait(self) -> bool:
        """Wait until there is something to draw; False where nothing has been under way for a while."""
        with self._changed:
            while True:
                if not self._works:
                    if not self._changed.wait(_IDLE) and not self._works:
                        self._thread = None
                        return False
                elif not self._rows and (wait := min(work.begins for work in self._works) - time.monotonic()) > 0:
                    self._changed.wait(wait)
                else:
                    return True

    def _refresh(self) -> None:
        """Draw what is long under way, or take the display away; the lock is held."""
        now = time.monotonic()
        shown = [] if self._closed else [work for work in self._works if work.begins <= now][:_ROWS]
        with suppress(OSError, ValueError):  # the terminal is gone, which is no trouble of whoever works
            if shown and not self._rows:
                self._bar.start()
            for work in [each for each in self._rows if each not in shown]:
                self._bar.remove_task(self._rows.pop(work))
            for work in shown:
                columns = work.columns()
                if work not in self._rows:
                    self._rows[work] = self._bar.add_task(work.what, **columns)
                self._bar.update(self._rows[work], **columns)
            if shown:
                self._bar.refresh()
            elif self._bar is not None:
                self._bar.stop()
                self._bar = None


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False),
        auto_refresh=False,
        transient=True,
        # What the program prints is its own, and no business of a library.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _amount(done: int, total: int | None, unit: Unit, seconds: float) -> str:
    if unit == "items":
        return str(done) if total is None else f"{done}/{total}"
    from rich.filesize import decimal

    of = "" if total is None else f" of {decimal(total)}"
    return f"{decimal(done)}{of}, {decimal(int(done / max(seconds, 0.1)))}/s"


_display = _Display()


@atexit.register
def _close() -> None:
    _display.close()  # a thread may still be at work, after a second Ctrl-C as well


def _forget() -> None:
    global _display  # noqa: PLW0603 - the thread that draws stayed with the parent
    _display = _Display()


fork.register(in_child=_forget)
