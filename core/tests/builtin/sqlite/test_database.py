"""The file of the SQLite catalog: other processes, forks, kills, bad files, and its log."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.sqlite import catalog as module
from holdall.builtin.sqlite import database
from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.builtin.sqlite.schema import APPLICATION_ID, SCHEMA_VERSION
from holdall.errors import CatalogError
from holdall.testing.catalog import a_block, a_reference, a_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREAMBLE = """
import os, sys
from holdall.builtin.sqlite import SQLiteCatalog
from holdall.testing.catalog import a_reference, a_run
catalog = SQLiteCatalog(sys.argv[1])
"""


def started(script: str, path: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that runs `script` on the catalog at `path`."""
    code = PREAMBLE + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code, path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What the process printed, once it has ended well."""
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert 0 == process.returncode
    return output


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Two megabytes of tmpfs, mounted on `folder`."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.fail(f"This test needs root and mount: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_eight_processes_lose_nothing(path: str) -> None:
    """Eight processes that make one catalog and write 1,000 references and runs each: all there, no error."""
    script = """
    number = int(sys.argv[2])
    for n in range(number * 1000, number * 1000 + 1000):
        catalog.add_reference(a_reference(n))
        if n % 50 == 0:
            catalog.add_runs([a_run(m) for m in range(n, n + 50)])
    """
    for process in [started(script, path, str(number)) for number in range(8)]:
        finished(process)
    with closing(SQLiteCatalog(path)) as catalog:
        assert {a_reference(n) for n in range(8000)} == set(catalog.references(limit=10_000))
        assert [a_run(n) for n in reversed(range(8000))] == catalog.runs(limit=10_000)


@pytest.mark.parametrize("after", [1, 7, 60])
def test_keeps_a_reference_through_sigkill(path: str, after: int) -> None:
    """What `add_reference` returned for is there after a kill, and the file is whole."""
    process = started(
        "for n in range(10**6):\n    catalog.add_reference(a_reference(n))\n    print(n, flush=True)", path
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(after)]
    process.kill()
    lines += process.stdout.readlines()
    process.communicate()

    assert -signal.SIGKILL == process.returncode
    with closing(SQLiteCatalog(path)) as catalog:
        # The last line may have been cut short by the kill.
        assert [] == [n for n in map(int, lines[:-1]) if catalog.reference(key=a_reference(n).key) is None]
    with closing(sqlite3.connect(path)) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()


def test_writes_batches_whole_or_not_at_all(path: str) -> None:
    """A kill in the middle of a batch leaves none of it."""
    process = started(
        """
        for n in range(0, 10**6, 500):
            rows = [a_run(m) for m in range(n, n + 500)]
            print(n, flush=True)
            catalog.add_runs(rows)
        """,
        path,
    )
    assert process.stdout
    for _ in range(4):
        process.stdout.readline()
    process.kill()
    process.communicate()
    with closing(SQLiteCatalog(path)) as catalog:
        runs = catalog.runs(limit=10**6)

    assert len(runs) >= 1500
    assert 0 == len(runs) % 500


def test_a_forked_child_holds_locks_of_its_own(path: str) -> None:
    """The parent's close would delete the log under a child that merely believes that it holds the file's lock."""
    script = """
    catalog.add_reference(a_reference(1))
    down, up = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        catalog.add_reference(a_reference(2))
        os.write(up[1], b"x")
        os.read(down[0], 1)
        catalog.add_reference(a_reference(3))
        os._exit(0)
    os.read(up[0], 1)
    catalog.add_reference(a_reference(4))
    catalog.close()
    print(os.path.exists(catalog.path + "-wal"))
    os.write(down[1], b"x")
    print(os.waitpid(child, 0)[1])
    print([row.size for row in catalog.references()])
    """

    assert ["True", "0", "[3, 4, 2, 1]"] == finished(started(script, path)).splitlines()


def test_forks_while_threads_write(path: str) -> None:
    """Neither a child's nor a parent's row is lost, whenever the fork comes."""
    script = """
    import threading
    def work(first):
        for n in range(first, first + 200):
            catalog.add_reference(a_reference(n))
    threads = [threading.Thread(target=work, args=(n * 200,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for number in range(2, 8):
        child = os.fork()
        if not child:
            work(number * 200)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
    for thread in threads:
        thread.join()
    print(len(catalog.references(limit=10_000)))
    """

    assert [*"000000", "1600"] == finished(started(script, path)).splitlines()


def test_says_who_has_locked_it(catalog: SQLiteCatalog) -> None:
    """Another process in a long transaction: an error after the timeout, and the next call works."""
    catalog.add_runs([a_run(1)])
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogError, match=r"catalog\.db: another process has kept it locked for 0\.05 s.*fuser"):
            catalog.add_reference(a_reference())

        assert [a_run(1)] == catalog.runs()

    catalog.add_reference(a_reference())

    assert [a_reference()] == catalog.references()


def test_refuses_a_file_that_is_no_database(catalog: SQLiteCatalog, tmp_path: Path) -> None:
    """The error says that results are safe and what to do; doing it is enough."""
    os.mkdir(os.path.dirname(catalog.path))
    with open(catalog.path, "wb") as file:
        file.write(b"not a database at all" * 500)
    with pytest.raises(CatalogError, match=r"catalog\.db: the file is damaged.*Results are safe.*catalog rebuild"):
        catalog.add_reference(a_reference())
    shutil.move(catalog.path, tmp_path / "aside")
    catalog.add_reference(a_reference())

    assert [a_reference()] == catalog.references()


def test_says_that_a_damaged_file_is_damaged(catalog: SQLiteCatalog) -> None:
    """A page in the middle was overwritten."""
    catalog.add_runs([a_run(n) for n in range(500)])
    catalog.close()
    with open(catalog.path, "r+b") as file:
        file.seek(2 * 2048)
        file.write(b"\xff" * 2048 * 40)
    with pytest.raises(CatalogError, match=r"is damaged .*literals and saved blocks are in the old file alone"):
        catalog.runs(limit=1000)


def test_says_that_the_home_cannot_be_written(tmp_path: Path) -> None:
    """Here a file stands where the home should be."""
    (tmp_path / "home").touch()
    catalog = SQLiteCatalog(str(tmp_path / "home" / "catalog.db"))
    with pytest.raises(CatalogError, match=r"home/catalog\.db: .*cannot be opened for writing.*HOLDALL_HOME"):
        catalog.add_runs([a_run()])
    (tmp_path / "home").unlink()
    catalog.add_runs([a_run()])

    assert [a_run()] == catalog.runs()

    catalog.close()


@pytest.mark.root
def test_says_that_the_home_is_read_only(tmp_path: Path) -> None:
    """A file system that was remounted read-only refuses a catalog that it holds already."""
    home = tmp_path / "home"
    with small_disk(home), closing(SQLiteCatalog(str(home / "catalog.db"))) as catalog:
        catalog.add_runs([a_run(1)])
        catalog.close()
        subprocess.run(["mount", "-o", "remount,ro", home], check=True)
        with pytest.raises(CatalogError, match="cannot be opened for writing"):
            catalog.add_runs([a_run(2)])
        subprocess.run(["mount", "-o", "remount,rw", home], check=True)
        catalog.add_runs([a_run(3)])

        assert [a_run(3), a_run(1)] == catalog.runs()

        catalog.close()


@pytest.mark.root
def test_says_that_the_disk_is_full(tmp_path: Path) -> None:
    """And goes on with what was written before once there is room."""
    home = tmp_path / "home"
    with small_disk(home), closing(SQLiteCatalog(str(home / "catalog.db"))) as catalog:
        catalog.add_reference(a_reference(1))
        filler = home / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(4_000_000))
        with pytest.raises(CatalogError, match=r"the disk is full.*Free some space"):
            catalog.add_runs([a_run(n) for n in range(1000)])
        filler.unlink()
        catalog.add_reference(a_reference(2))

        assert [a_reference(2), a_reference(1)] == catalog.references()
        assert [] == catalog.runs()

        catalog.close()


def test_refuses_a_newer_catalog(catalog: SQLiteCatalog) -> None:
    """It names the release to install, and leaves the file as it is."""
    catalog.save_block(a_block())
    catalog.close()
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, '7.1', 0.0)", (SCHEMA_VERSION + 1,))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(CatalogError, match=r'written by holdall 7\.1 or later .*pip install "holdall>=7\.1"'):
        catalog.blocks()
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    assert [a_block()] == list(catalog.blocks())


def test_refuses_the_database_of_another_program(catalog: SQLiteCatalog) -> None:
    """No table is added to it, even where its version number is ours."""
    os.mkdir(os.path.dirname(catalog.path))
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        with pytest.raises(CatalogError, match="database of another program"):
            catalog.blocks()

        assert [("bookmarks",)] == connection.execute("SELECT name FROM sqlite_master").fetchall()


def test_finishes_a_file_that_was_left_empty(catalog: SQLiteCatalog) -> None:
    """A process killed between making the file and its tables leaves nothing to repair."""
    os.mkdir(os.path.dirname(catalog.path))
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    catalog.add_runs([a_run()])
    catalog.close()
    with closing(sqlite3.connect(catalog.path)) as connection:
        assert [(APPLICATION_ID,)] == connection.execute("PRAGMA application_id").fetchall()


def test_notices_that_its_file_was_moved_away(catalog: SQLiteCatalog, tmp_path: Path) -> None:
    """Rows go to a new file, not to the one that was put aside."""
    catalog.add_runs([a_run(1)])
    shutil.move(os.path.dirname(catalog.path), tmp_path / "aside")
    catalog.add_runs([a_run(2)])
    with closing(SQLiteCatalog(str(tmp_path / "aside" / "catalog.db"))) as aside:
        assert [a_run(1)] == aside.runs()
    assert [a_run(2)] == catalog.runs()


def test_an_interrupted_batch_is_undone(catalog: SQLiteCatalog) -> None:
    """What a signal leaves half done isn't finished by the next call's transaction."""
    catalog.blocks()
    connection = catalog._file._connection
    assert connection
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO blocks VALUES ('a', 'b', '{}', NULL, 0.0)")
    catalog.add_reference(a_reference())
    with closing(SQLiteCatalog(catalog.path)) as other:
        assert [] == list(other.blocks())
        assert [a_reference()] == other.references()


def test_checkpoint_empties_a_long_log(catalog: SQLiteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below its limit the log is left alone, above it goes into the file."""
    catalog.add_runs([a_run(n) for n in range(2000)])
    before = os.stat(f"{catalog.path}-wal").st_size
    catalog.checkpoint()

    assert before == os.stat(f"{catalog.path}-wal").st_size

    monkeypatch.setattr(database, "_LOG_SIZE", before)
    catalog.checkpoint()

    assert 0 == os.stat(f"{catalog.path}-wal").st_size
    assert 2000 == len(catalog.runs(limit=10_000))


def test_a_writer_keeps_the_log_short_by_itself(catalog: SQLiteCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody calls `checkpoint`, writing bounds the log; an open reader only puts it off."""
    monkeypatch.setattr(database, "_LOG_SIZE", 50_000)
    monkeypatch.setattr(module, "_LOG_CHECK", 10)
    for n in range(500):
        catalog.add_reference(a_reference(n))

    assert os.stat(f"{catalog.path}-wal").st_size < 4 * 50_000 + 10 * 20_000

    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        catalog.add_runs([a_run(n) for n in range(5000)])
        catalog.checkpoint()

    assert 5000 == len(catalog.runs(limit=10_000))
