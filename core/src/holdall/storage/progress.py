"""Progress bars on standard error for work that takes long, in a terminal, unless `HOLDALL_PROGRESS` is 0.

rich draws them, in a thread of its own. It comes with `holdall[cli]`; where it is not installed, no bar is shown. Neither it
nor a display is there before some work has taken two seconds.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Final, Literal

from holdall._system import fork
from holdall.abc.progress import arriving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from holdall.storage.guard import GuardedStorage
    from holdall.types import Buffer

Unit = Literal["bytes", "items"]

_LONG: Final = 2.0
"""Seconds: shorter work has no bar."""
_SMALL: Final = 1 << 20
"""Bytes: smaller transfers end before a bar would show."""
_PLAIN: Final = frozenset({"dumb", "unknown"})
"""Terminals that cannot move the cursor back."""
_ROWS: Final = 8
"""Bars at once: of more, those that were shown first stay."""


def wanted(*, enabled: bool) -> bool:
    """Returns whether a bar would be seen; some microseconds, and less where standard error is not a terminal.

    Args:
        enabled: What the settings say (`progress`).
    """
    try:
        if not sys.stderr.isatty() or os.environ.get("TERM") in _PLAIN:
            return False
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
    # The workers of a pool would all draw on the terminal that they have from their parent.
    processes = sys.modules.get("multiprocessing")
    return enabled and (processes is None or processes.parent_process() is None)


@contextmanager
def watched(
    what: str, total: int | None, /, *, unit: Unit = "bytes", after: float | None = None
) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs, once that is `after` seconds (2); ask whether one is `wanted` first.

    Yields a function that counts: call it, in any thread, with the bytes or items done since the last call.
    """
    work = _Work(what, total, unit)
    _display.add(work, _LONG if after is None else after)
    try:
        yield partial(_display.advance, work)
    finally:
        _display.remove(work)


def send(
    storage: GuardedStorage, path: str, parts: Iterator[Buffer], /, *, label: str, size: int | None, enabled: bool
) -> None:
    """Writes a payload to a storage, with a bar; `size` is None where only its serializer will know it."""
    if (size is not None and size < _SMALL) or not wanted(enabled=enabled):
        storage.put(path, parts)
        return
    with watched(f"Writing to {label}", size) as advance:
        storage.put(path, _counted(parts, advance))


@contextmanager
def receiving(label: str, size: int, /, *, enabled: bool) -> Iterator[None]:
    """Shows a bar of the bytes that storages report as arriving while the block runs."""
    if size < _SMALL or not wanted(enabled=enabled):
        yield
        return
    with watched(f"Reading from {label}", size) as advance:
        token = arriving.set(advance)
        try:
            yield
        finally:
            arriving.reset(token)


def counted(parts: Iterable[Buffer], what: str, size: int, /, *, enabled: bool) -> Iterable[Buffer]:
    """Returns the parts, with a bar while they are iterated over."""
    return _watched(parts, what, size) if size >= _SMALL and wanted(enabled=enabled) else parts


def _watched(parts: Iterable[Buffer], what: str, size: int) -> Iterator[Buffer]:
    with watched(what, size) as advance:
        yield from _counted(parts, advance)


def _counted(parts: Iterable[Buffer], advance: Callable[[int], None]) -> Iterator[Buffer]:
    for part in parts:
        yield part
        advance(memoryview(part).nbytes)  # the next one is asked for when this one is on its way


class _Work:
    """Work in progress; `row` is its task in rich's display, once it is shown."""

    __slots__ = ("done", "row", "timer", "total", "unit", "what")

    def __init__(self, what: str, total: int | None, unit: Unit) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = 0
        self.row: Any = None
        self.timer: Timer | None = None


class _Display:
    """The display of this process: rich's, while any work has taken long."""

    __slots__ = ("bars", "closed", "lock", "works")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts empty, in a forked child too: the threads that draw and wait are those of the parent."""
        self.lock = Lock()
        self.works: set[_Work] = set()
        self.bars: Any = None
        self.closed = False

    def add(self, work: _Work, after: float) -> None:
        work.timer = Timer(after, self._show, [work])
        work.timer.daemon = True
        with self.lock:
            self.works.add(work)
        with suppress(RuntimeError):  # no thread can be started any more: then there is no bar
            work.timer.start()

    def advance(self, work: _Work, count: int) -> None:
        with self.lock:
            work.done += count
            if self.bars is not None and work.row is not None:
                self._update(work)

    def remove(self, work: _Work) -> None:
        """Ends the bar. When this returns, nothing of it is on the terminal, where the caller may write the next line."""
        with self.lock:
            if work not in self.works:  # of a parent process
                return
            self.works.remove(work)
            if work.timer is not None:
                work.timer.cancel()
            if self.bars is None or work.row is None:
                return
            with suppress(OSError, ValueError):  # the terminal is gone, which is no failure of the work
                self.bars.remove_task(work.row)
                if self.bars.tasks:
                    self.bars.refresh()
                else:
                    self._stop()

    def close(self) -> None:
        """Ends the display for good, and gives the cursor back, whatever is still in progress."""
        with self.lock:
            self.closed = True
            self._stop()

    def _show(self, work: _Work) -> None:
        try:
            bars = self.bars or _bars()  # rich is imported without keeping anybody waiting
        except ImportError:
            return
        with self.lock, suppress(OSError, ValueError):  # as in remove
            if self.closed or work not in self.works:
                return
            if self.bars is None:
                self.bars = bars
                bars.start()
            work.row = self.bars.add_task(work.what, total=None, unit=work.unit, whole=work.total)
            self._update(work)

    def _update(self, work: _Work) -> None:
        # Without a total, a bar only moves: until the first count, as not each storage reports what arrives.
        done = work.done if work.total is None else min(work.done, work.total)
        self.bars.update(work.row, completed=done, total=work.total if done else None)

    def _stop(self) -> None:
        bars, self.bars = self.bars, None
        if bars is not None:
            with suppress(OSError, ValueError):  # as in remove
                for row in bars.task_ids:  # stopping a display that has rows moves the cursor to the next line and back
                    bars.remove_task(row)
                bars.stop()


def _bars() -> Any:
    from rich.console import Console
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class Amount(ProgressColumn):
        def render(self, task: Any) -> Text:
            done, whole = int(task.completed), task.fields["whole"]
            if task.fields["unit"] == "items":
                return Text(str(done) if whole is None else f"{done}/{whole}")
            of = "" if whole is None else f" of {decimal(whole)}"
            rate = f", {decimal(int(task.speed))}/s" if task.speed else ""
            return Text(f"{decimal(done)}{of}{rate}")

    class Bars(Progress):
        def get_renderables(self) -> Iterable[Any]:
            yield self.make_tasks_table(self.tasks[:_ROWS])

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Amount(Column(no_wrap=True)),  # a second line would not be wiped away
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=Console(stderr=True, markup=False),
        transient=True,
        # What the program prints is not a library's to redirect.
        redirect_stdout=False,
        redirect_stderr=False,
    )


_display: Final = _Display()
atexit.register(_display.close)  # a thread may still be at work, after a second Ctrl-C as well
fork.register(in_child=_display.reset)
