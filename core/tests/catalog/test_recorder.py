"""The recorder: nothing lost, nothing waited for, one warning."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import warnings
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.catalog import recorder as module
from holdall.catalog.recorder import Recorder, recorder_for
from holdall.errors import HoldallWarning
from holdall.testing.catalog import a_reference, a_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from holdall.types import RunRow

PREAMBLE = """
import os, sys
from holdall.builtin.sqlite import SQLiteCatalog
from holdall.catalog.recorder import recorder_for
from holdall.testing.catalog import a_reference, a_run
catalog = SQLiteCatalog(sys.argv[1], timeout=5)
recorder = recorder_for(catalog)
"""


class Observed(SQLiteCatalog):
    """Tells the test when rows were written, and by whom."""

    def __init__(self, path: str) -> None:
        super().__init__(path, timeout=0.05)
        self.batches: list[int] = []
        self.written = threading.Event()
        self.threads: set[str] = set()

    def add_runs(self, rows: Sequence[RunRow], /) -> None:
        super().add_runs(rows)
        self.batches.append(len(rows))
        self.threads.add(threading.current_thread().name)
        self.written.set()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Observed]:
    """A catalog in a home that isn't there yet."""
    with closing(Observed(str(tmp_path / "home" / "catalog.db"))) as made:
        yield made


@pytest.fixture
def recorder(catalog: Observed) -> Iterator[Recorder]:
    """A recorder whose thread doesn't outlive the test."""
    made = Recorder(catalog)
    yield made
    made.close()


def ran(script: str, path: str) -> subprocess.CompletedProcess[str]:
    """What a process did that ran `script` with a recorder and left."""
    code = PREAMBLE + textwrap.dedent(script)
    # Python 3.12 warns of every fork beside a thread; that one is ours, and the child is made fit for it.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, path]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_writes_on_demand(recorder: Recorder, catalog: Observed) -> None:
    """`flush` returns when all is in the catalog, each id once with its last row."""
    recorder.record(a_run(1, state="Running"))
    recorder.record(a_run(2))
    recorder.record(a_run(1, state="Completed"))

    assert recorder.flush()
    assert [a_run(2), a_run(1, state="Completed")] == catalog.runs()
    assert 2 == sum(catalog.batches)


def test_writes_by_itself_in_the_background(recorder: Recorder, catalog: Observed) -> None:
    """Nobody flushes, and soon the row is there, written on another thread; so is a later one."""
    for number in range(2):
        recorder.record(a_run(number))

        assert catalog.written.wait(30)
        assert a_run(number) == catalog.run(a_run(number).id)

        catalog.written.clear()

    assert {"holdall-recorder"} == catalog.threads


def test_an_idle_recorder_has_no_thread(recorder: Recorder, catalog: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends when nothing comes, and the next row starts another."""
    monkeypatch.setattr(module, "_IDLE", 0.001)
    monkeypatch.setattr(module, "_DELAY", 0.001)
    for number in range(3):
        recorder.record(a_run(number))
        for thread in threading.enumerate():
            if thread.name == "holdall-recorder":
                thread.join(30)

        assert "holdall-recorder" not in {thread.name for thread in threading.enumerate()}

    assert 3 == len(catalog.runs())


def test_many_rows_do_not_wait_for_the_clock(
    recorder: Recorder, catalog: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full batch is written at once."""
    monkeypatch.setattr(module, "_DELAY", 1000.0)
    monkeypatch.setattr(module, "_MANY", 10)
    for number in range(10):
        recorder.record(a_run(number))

    assert catalog.written.wait(30)


def test_the_caller_writes_where_the_thread_cannot_keep_up(
    recorder: Recorder, catalog: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded."""
    monkeypatch.setattr(module, "_MANY", 10)
    monkeypatch.setattr(module, "_LIMIT", 50)
    for number in range(1000):
        recorder.record(a_run(number))

        assert len(recorder._runs) <= 50

    assert recorder.flush()
    assert 1000 == len(catalog.runs(limit=10_000))


def test_threads_lose_nothing(recorder: Recorder, catalog: Observed) -> None:
    """Four threads record and flush at once."""

    def work(first: int) -> None:
        for number in range(first, first + 2000):
            recorder.record(a_run(number))
            if number % 500 == 0:
                recorder.flush()

    threads = [threading.Thread(target=work, args=(n * 2000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.flush()

    assert [a_run(n) for n in reversed(range(8000))] == catalog.runs(limit=10_000)


def test_a_reference_is_written_at_once(recorder: Recorder, catalog: Observed) -> None:
    """True means that it is in the catalog."""
    assert recorder.add_reference(a_reference())
    assert [a_reference()] == catalog.references()


def test_warns_once_and_writes_later(recorder: Recorder, catalog: Observed) -> None:
    """The home can't be made: the run goes on, one warning says all, and what waited is written when it can be."""
    home = os.path.dirname(catalog.path)
    with open(home, "wb"):
        pass
    wanted = r"Runs are not being recorded.*results stay findable.*catalog\.db.*HOLDALL_HOME.*catalog rebuild"
    with pytest.warns(HoldallWarning, match=wanted):
        assert not recorder.add_reference(a_reference(1))

    # From here on a second warning would be an error.
    assert not recorder.add_reference(a_reference(2))

    recorder.record(a_run(1))

    assert not recorder.flush()
    assert not recorder.flush(retry=True)

    os.unlink(home)

    assert recorder.flush(retry=True)
    assert [a_run(1)] == catalog.runs()
    assert [a_reference(2), a_reference(1)] == catalog.references()
    assert recorder.add_reference(a_reference(3))


def test_says_what_failed_in_the_background(
    recorder: Recorder, catalog: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder's thread raises and warns nothing; the next flush of a caller does."""
    monkeypatch.setattr(module, "_IDLE", 0.001)
    monkeypatch.setattr(module, "_DELAY", 0.001)
    catalog.blocks()
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        recorder.record(a_run(1))
        for thread in threading.enumerate():
            if thread.name == "holdall-recorder":
                thread.join(30)
    with pytest.warns(HoldallWarning, match="another process has kept it locked"):
        assert recorder.flush(retry=True)
    assert [a_run(1)] == catalog.runs()


def test_leaves_a_failing_catalog_alone_for_a_while(recorder: Recorder, catalog: Observed) -> None:
    """A locked catalog must not cost each call its timeout."""
    catalog.blocks()
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.warns(HoldallWarning, match="locked"):
            recorder.add_reference(a_reference(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert not recorder.add_reference(a_reference(2))
        assert [] == catalog.references()


def test_keeps_the_newest_rows_of_a_catalog_that_stays_away(
    recorder: Recorder, catalog: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays bounded while nothing can be written."""
    monkeypatch.setattr(module, "_MANY", 10)
    monkeypatch.setattr(module, "_LIMIT", 50)
    home = os.path.dirname(catalog.path)
    with open(home, "wb"):
        pass
    with pytest.warns(HoldallWarning, match="not being recorded"):
        recorder.add_reference(a_reference())
    for number in range(1000):
        recorder.record(a_run(number))
    os.unlink(home)

    assert recorder.flush(retry=True)
    assert 999 == catalog.runs()[0].started - 1000.0
    assert len(catalog.runs()) <= 50


def test_is_the_same_for_every_caller(catalog: Observed) -> None:
    """Until it is closed; a row that comes after that is written at once."""
    first = recorder_for(catalog)

    assert first is recorder_for(catalog)

    first.record(a_run(1))
    first.close()

    assert [a_run(1)] == catalog.runs()

    first.record(a_run(2))

    assert [a_run(2), a_run(1)] == catalog.runs()

    second = recorder_for(catalog)
    second.close()

    assert first is not second


def test_the_end_of_the_process_writes_what_waits(catalog: Observed) -> None:
    """With atexit callbacks that record before and after the recorder's own, and with 20,000 rows at once."""
    done = ran(
        """
        import atexit
        atexit.register(lambda: recorder.record(a_run(1)))
        for number in range(3, 20_000):
            recorder.record(a_run(number))
        atexit.register(lambda: recorder.record(a_run(2)))
        """,
        catalog.path,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert 19_999 == len(catalog.runs(limit=100_000))


def test_the_end_of_the_process_raises_nothing(tmp_path: Path) -> None:
    """Where the catalog can't be written, the exit says so once and is an ordinary one."""
    (tmp_path / "home").touch()
    done = ran("recorder.record(a_run(1))", str(tmp_path / "home" / "catalog.db"))

    assert 0 == done.returncode
    assert 1 == done.stderr.count("HoldallWarning: Runs are not being recorded")
    assert "Traceback" not in done.stderr


def test_a_process_that_ends_amid_a_write_does_not_hang(catalog: Observed) -> None:
    """The recorder's thread is at work when the main thread leaves."""
    done = ran(
        """
        import threading
        from holdall.catalog import recorder as module
        module._DELAY, at_work = 0.0, threading.Event()
        write = catalog.add_runs
        def observed(rows):
            at_work.set()
            write(rows)
        catalog.add_runs = observed
        for number in range(5000):
            recorder.record(a_run(number))
        at_work.wait()
        """,
        catalog.path,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert 5000 == len(catalog.runs(limit=10_000))


def test_a_kill_amid_a_flush_leaves_whole_rows(catalog: Observed) -> None:
    """Each batch is there or not; none is there in part."""
    code = PREAMBLE + textwrap.dedent(
        """
        from holdall.catalog import recorder as module
        module._MANY = 100
        module._DELAY = 1000.0
        for start in range(0, 10**6, 2000):
            for number in range(start, start + 2000):
                recorder._runs.append(a_run(number, result=str(number)))
            print(start, flush=True)
            recorder.flush()
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code, catalog.path], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for _ in range(3):
        process.stdout.readline()
    process.kill()
    process.communicate()
    runs = catalog.runs(limit=10**6)

    assert len(runs) >= 4000
    assert 0 == len(runs) % 100
    assert [a_run(n, result=str(n)) for n in reversed(range(len(runs)))] == runs


def test_a_forked_child_starts_empty(catalog: Observed) -> None:
    """The parent's rows are the parent's to write; each writes its own once, and neither hangs on the other's locks."""
    done = ran(
        """
        from holdall.catalog import recorder as module
        written = []
        add = catalog.add_runs
        catalog.add_runs = lambda rows: (written.extend(row.started - 1000 for row in rows), add(rows))
        module._DELAY = 1000.0
        recorder.record(a_run(1))
        child = os.fork()
        if not child:
            recorder.record(a_run(2))
            recorder.flush()
            print(written, flush=True)
            sys.exit()
        print(os.waitpid(child, 0)[1])
        recorder.flush()
        print(written)
        """,
        catalog.path,
    )

    assert ["[2.0]", "0", "[1.0]"] == done.stdout.splitlines()
    assert "" == done.stderr
    assert [a_run(2), a_run(1)] == catalog.runs()


def test_a_forked_worker_of_multiprocessing_writes_at_its_end(catalog: Observed) -> None:
    """It leaves without atexit."""
    done = ran(
        """
        import multiprocessing
        worker = multiprocessing.get_context("fork").Process(target=recorder.record, args=(a_run(2),))
        worker.start()
        worker.join()
        print(worker.exitcode)
        """,
        catalog.path,
    )

    assert ["0"] == done.stdout.splitlines()
    assert "" == done.stderr
    assert [a_run(2)] == catalog.runs()
