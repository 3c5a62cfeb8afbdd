"""Bars of transfers: in a terminal, once they take long, and nowhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from holdall.settings.model import current
from holdall.storage import progress

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

ABSENT = """
import sys
sys.modules["rich"] = None  # as where it is not installed: importing it raises ModuleNotFoundError
"""
START = """
import sys, threading, time
from holdall.storage import progress
from holdall.abc import arriving
from holdall.filesystems import MemoryFileSystem
from holdall.serializers import PickleSerializer
from holdall.results.store import ResultStore
from holdall.settings.model import current
from holdall.testing.faults import FaultyStorage

progress._LONG = 0.05
absent = sys.modules.get("rich", 0) is None


def tasks():
    bars = progress._display.bars
    return [] if bars is None else bars.tasks


def shown(count):
    # A bar is there and on the terminal, or could be by now where none is to be.
    end = time.monotonic() + (20 if progress.wanted(enabled=current().progress) and not absent else 0.2)
    while time.monotonic() < end and len(tasks()) < count:
        time.sleep(0.01)
    if tasks():
        progress._display.bars.refresh()
    return len(tasks())


def drawn(amount):
    # So much is on the terminal.
    end = time.monotonic() + 20
    while time.monotonic() < end and not absent:
        if any(task.completed >= amount for task in tasks()):
            progress._display.bars.refresh()
            return
        time.sleep(0.01)


class Waiting(FaultyStorage):
    # Goes on when so many bars have been drawn.
    bars, at = 1, 1  # and, of writes, at which part
    tells = True
    together = staticmethod(lambda: None)

    def put(self, key, parts, /, *, mode="overwrite"):
        return self.inner.put(key, self.slowly(parts), mode=mode)

    def slowly(self, parts):
        for number, part in enumerate(parts):
            if number == self.at:
                self.rows = shown(self.bars)
                self.together()
                if number == 2:
                    drawn(4_000_000)
            yield bytes(part)

    def get(self, key, /, *, byte_range=None):
        arrived = arriving.get()
        data = self.inner.get(key, byte_range=byte_range)
        if key.startswith("payloads/"):
            if self.tells:
                arrived(len(data) // 2)
            shown(self.bars)
            if self.tells:
                if progress.wanted(enabled=current().progress):
                    drawn(len(data) // 2)
                arrived(len(data) - len(data) // 2)
        return data


storage = Waiting(MemoryFileSystem())
store = ResultStore(storage, PickleSerializer())
value = bytearray(9_000_000)
"""


def run(script: str, folder: Path, *, terminal: bool = True, rich: bool = True, **environment: str) -> tuple[str, str]:
    """What the script writes on standard output, and on a standard error that is a terminal or a pipe."""
    environ = {name: value for name, value in os.environ.items() if name not in {"HOLDALL_PROGRESS", "NO_COLOR"}}
    environ |= {"HOLDALL_HOME": str(folder / "home"), "TERM": "xterm", **environment}
    master, slave = pty.openpty() if terminal else os.pipe()
    if terminal:
        termios.tcsetwinsize(slave, (24, 120))
    process = subprocess.Popen(
        [sys.executable, "-c", ("" if rich else ABSENT) + START + script],
        stdout=subprocess.PIPE,
        stderr=slave,
        cwd=folder,
        env=environ,
    )
    os.close(slave)
    seen = b""
    with suppress(OSError):  # a terminal that nobody has open any more is an error to read
        while chunk := os.read(master, 65536):
            seen += chunk
    os.close(master)
    out, _ = process.communicate()

    assert 0 == process.returncode, seen.decode()
    return out.decode(), seen.decode()


def test_a_process_that_ends_meanwhile_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    """A daemon's transfer, or one that a second Ctrl-C left behind: its bar is wiped away, and the cursor is back."""
    script = """
import threading
def endless():
    with progress.watched("Endless", None):
        threading.Event().wait()
threading.Thread(target=endless, daemon=True).start()
shown(1)
"""
    _, seen = run(script, tmp_path)

    assert "Endless" in seen
    assert seen.endswith("\r\x1b[2K\x1b[?25h\r")


def test_long_transfers_have_a_bar_in_a_terminal(tmp_path: Path) -> None:
    """Both ways, and from one storage to another; it is wiped away when they are done."""
    script = """
from holdall.maintenance.copy_storage import copy
from holdall.maintenance.known_storages import place_of
from holdall.settings import current

storage.at = 2
store.write(value, key="results/aa/x.json")
sys.stderr.write("WRITTEN")
assert store.read("results/aa/x.json") == value
storage.tells = False
sys.stderr.write("READ")
store.read("results/aa/x.json")
sys.stderr.write("AGAIN")
lake = MemoryFileSystem(namespace="lake")
ResultStore(lake, PickleSerializer()).write(value, key="results/aa/x.json")
assert copy(place_of(lake), place_of(storage), settings=current()).complete
sys.stderr.write("DONE")
"""
    _, seen = run(script, tmp_path)
    wrote, _, rest = seen.partition("WRITTEN")
    told, _, rest = rest.partition("READ")
    untold, _, rest = rest.partition("AGAIN")
    copied = rest.partition("DONE")[0]

    assert re.search(r"Writing to faulty:default .*[4-8]\.\d MB of 9\.0 MB", wrote)
    assert re.search(r"Reading from faulty:default .*4\.5 MB of 9\.0 MB", told)
    assert re.search(r"Reading from faulty:default .*0 bytes of 9\.0 MB", untold)
    assert re.search(r"Writing to faulty:default .*[4-8]\.\d MB of 9\.0 MB", copied)
    wiped = r"\r\x1b\[2K\x1b\[\?25h\r$"
    assert [True] * 4 == [bool(re.search(wiped, each)) for each in (wrote, told, untold, copied)]


@pytest.mark.parametrize(
    ("term", "parent", "expected"),
    [("xterm", None, True), ("dumb", None, False), ("xterm", object(), False)],
    ids=["terminal", "dumb", "worker"],
)
def test_only_the_process_of_a_capable_terminal_draws(
    monkeypatch: pytest.MonkeyPatch, term: str, parent: object, expected: bool
) -> None:
    """Workers of a pool have their parent's terminal, and would all draw on it."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("multiprocessing.parent_process", lambda: parent)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("HOLDALL_PROGRESS", "1")

    assert expected == progress.wanted(enabled=current().progress)


@pytest.mark.parametrize(
    ("terminal", "environment"), [(False, {}), (True, {"HOLDALL_PROGRESS": "0"})], ids=["pipe", "off"]
)
def test_nothing_is_shown_in_a_pipe_or_where_it_is_not_wanted(
    tmp_path: Path, terminal: bool, environment: dict[str, str]
) -> None:
    """Nor is what draws imported."""
    script = """
store.write(value, key="results/aa/x.json")
assert store.read("results/aa/x.json") == value
print("rich" in sys.modules, threading.active_count())
"""

    assert ("False 1\n", "") == run(script, tmp_path, terminal=terminal, **environment)


def test_nothing_is_shown_where_rich_is_not_installed(tmp_path: Path) -> None:
    """It comes with the command line. The work is done all the same, and the next one too."""
    script = """
for key in ("results/aa/x.json", "results/aa/y.json"):
    store.write(value, key=key)
    assert store.read(key) == value
    assert 0 == storage.rows
print(progress.wanted(enabled=current().progress), progress._display.bars, progress._display.works)
"""

    assert ("True None set()\n", "") == run(script, tmp_path, rich=False)


def test_the_same_is_shown_where_rich_is_installed(tmp_path: Path) -> None:
    """The program of the test before, so that it is known to come to a bar."""
    script = """
store.write(value, key="results/aa/x.json")
assert 1 == storage.rows
"""

    assert "Writing to faulty:default" in run(script, tmp_path)[1]


def test_short_work_shows_nothing(tmp_path: Path) -> None:
    """Its bar would come after it is done: the timer is cancelled, and rich is not imported."""
    script = """
progress._LONG = 3600
with progress.watched("Quick", 10) as advance:
    advance(10)
    (work,) = progress._display.works
    assert work.timer.is_alive()
work.timer.join(20)
print(work.timer.is_alive(), "rich" in sys.modules, progress._display.works)
"""

    assert ("False False set()\n", "") == run(script, tmp_path)


def test_many_at_once_fill_no_more_than_some_rows(tmp_path: Path) -> None:
    """Those that were shown first; the next one takes the place of one that is done."""
    script = """
from contextlib import ExitStack

with ExitStack() as stack:
    first = stack.enter_context(ExitStack())
    for number in range(progress._ROWS + 1):
        (first if number == 0 else stack).enter_context(progress.watched(f"Work <{number}>", 5, after=0))
        assert number + 1 == shown(number + 1)
    sys.stderr.write("FULL")
    first.close()
    progress._display.bars.refresh()
"""
    full, _, after = run(script, tmp_path)[1].partition("FULL")

    assert "Work <7>" in full
    assert "Work <8>" not in full
    assert "Work <8>" in after


def test_small_results_start_nothing_in_a_terminal(tmp_path: Path) -> None:
    """No thread, and nothing is imported."""
    script = """
storage.bars, storage.tells = 0, False
store.write(bytearray(500_000), key="results/aa/x.json")
store.read("results/aa/x.json")
print("rich" in sys.modules, threading.active_count())
"""

    assert ("False 1\n", "") == run(script, tmp_path)


def test_transfers_at_the_same_time_share_one_display(tmp_path: Path) -> None:
    """A row for each, and none when they are done; the size of what a generator gives is not known before."""
    script = """
from holdall.serializers import CompressedSerializer
import os

storage.bars = 3
storage.together = threading.Barrier(3).wait  # nobody takes a row away that another has not seen
stores = [store, store, ResultStore(storage, CompressedSerializer())]
value = bytearray(os.urandom(2_000_000))
threads = [
    threading.Thread(target=each.write, args=[value], kwargs={"key": f"results/aa/{number}.json"})
    for number, each in enumerate(stores)
]
for each in threads:
    each.start()
for each in threads:
    each.join()
print(storage.rows, tasks(), progress._display.bars, progress._display.works)
"""
    out, seen = run(script, tmp_path)
    row = r"Writing to faulty:default [^\n]*(bytes|MB)"

    assert "3 [] None set()\n" == out
    assert re.search(rf"{row} of 2\.0 MB", seen)
    assert re.search(rf"{row}(, | \x1b)", seen)


def test_a_list_of_work_has_a_bar_of_items(tmp_path: Path) -> None:
    """What the commands use."""
    script = """
with progress.watched("Reading lake", 4, unit="items") as done:
    for number in range(4):
        if number == 2:
            drawn(2)
        done(1)
"""

    assert re.search(r"Reading lake .* 2/4 ", run(script, tmp_path)[1])


def test_a_forked_child_has_a_display_of_its_own(tmp_path: Path) -> None:
    """The thread that draws stays with the parent."""
    script = """
import os

store.write(value, key="results/aa/x.json")
child = os.fork()
if child == 0:
    assert progress._display.bars is None and not progress._display.works
    store.write(value, key="results/aa/y.json")
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    out, seen = run(script, tmp_path)

    assert "0\n" == out
    assert "Writing to" in seen


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_a_bar_is_one_line_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """A second line would stay on the terminal when the bar is wiped away."""
    monkeypatch.setenv("COLUMNS", str(width))
    bars = progress._bars()
    bars.get_time = iter(range(1000)).__next__
    row = bars.add_task("Writing to faulty:default", total=900_000_000, unit="bytes", whole=900_000_000)
    for _ in range(3):
        bars.advance(row, 123_400_000)

    assert bars.tasks[0].speed
    assert 1 == len(bars.console.render_lines(bars.make_tasks_table(bars.tasks)))
