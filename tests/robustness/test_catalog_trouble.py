"""A catalog that is locked, damaged, deleted, or in a home that nobody can write: the run goes on and says so once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from conftest import mounted
from messages import steady

from holdall import CatalogError, HoldallWarning, flow, load_result, settings, task
from holdall.catalog import open as catalogs
from holdall.catalog.open import open_catalog
from holdall.filesystems import MemoryFileSystem
from holdall.results import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BEFORE = "Runs are not being recorded; they go on, and results stay findable in their storages."
AFTER = (
    "Rows wait in memory (up to 50,000) and are written when the catalog works again; results that it missed are added "
    "by `holdall catalog rebuild`."
)
REFUSED = (
    "the file or its folder cannot be opened for writing ({}). Make the folder and the files in it writable, or point "
    "HOLDALL_HOME to a folder that is."
)
NO_FILE = "[Errno 22] it is a pipe, a socket, a device or a folder, and no file: 'HERE/home/catalog.db'"
DAMAGED = (
    "the file is damaged (file is not a database). Results are safe in their storages, of which the catalog is an "
    "index: `holdall catalog rebuild` moves the file aside and makes a new one from them. Run history, literals and "
    "saved blocks are in the old file alone."
)
LOCKED = (
    "another process has kept it locked for 2 s. Find out which (`fuser HERE/home/catalog.db`) and let it finish or "
    "end it, then try again; a network file system without working locks shows the same."
)


def run_all(storage: Path) -> tuple[list[Any], list[str]]:
    """Values of all kinds of runs, and what was said meanwhile."""
    kept = task(persist_result=True, result_storage=storage, return_state=True)(lambda: ["kept"])
    cached = task(cache_key_fn=lambda *_: "key", result_storage=storage)(lambda: ["cached"])
    literal = task(cache_key_fn=lambda *_: "literal", result_storage=storage)(lambda: True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        reference = kept().reference.json()  # type: ignore[attr-defined]
        values = [
            from_json(reference).get(),
            cached(),
            cached(),
            literal(),
            literal(),
            task(lambda: 3)(),
            flow(lambda: 4)(),
        ]
    assert {HoldallWarning} >= {each.category for each in said}
    return values, [str(each.message) for each in said]


VALUES = [["kept"], ["cached"], ["cached"], True, True, 3, 4]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the catalog and does not let go."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
        holder.kill()


def test_a_locked_catalog_delays_a_run_for_no_longer_than_its_patience(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write waits, the next ones do not, and all is written once the lock is gone."""
    assert 5 >= catalogs._PATIENCE
    monkeypatch.setattr(catalogs, "_PATIENCE", 2.0)
    run_all(tmp_path / "before")
    catalogs.close_catalogs()
    started = time.monotonic()
    with locked(home / "catalog.db"):
        values, said = run_all(tmp_path / "results")
        took = time.monotonic() - started
    catalog = open_catalog(settings.current())
    before = len(catalog.runs(limit=1000))
    from holdall.catalog.recorder import recorder_for

    recorder_for(catalog).flush(retry=True)

    assert VALUES == values
    assert [f"{BEFORE} Cannot record a result in the catalog HERE/home/catalog.db: {LOCKED} {AFTER}"] == [
        steady(each, tmp_path) for each in said
    ]
    assert took < 12  # seven writes that wait take 14 s
    assert 7 == before
    assert 14 == len(catalog.runs(limit=1000))
    assert 4 == len(catalog.references(limit=1000))


def no_folder(home: Path) -> None:
    home.write_text("a file")


def garbage(home: Path) -> None:
    home.mkdir()
    (home / "catalog.db").write_bytes(b"no database " * 1000)


def folder_as_file(home: Path) -> None:
    (home / "catalog.db").mkdir(parents=True)


HOMES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file": (no_folder, REFUSED.format("[Errno 20] Not a directory: 'HERE/home/catalog.db'")),
    "garbage": (garbage, DAMAGED),
    "a folder for a file": (folder_as_file, REFUSED.format(NO_FILE)),
}


@pytest.mark.parametrize("case", HOMES)
def test_a_home_that_holds_no_catalog_stops_nobody(case: str, home: Path, tmp_path: Path) -> None:
    """All values come, one warning says why nothing is recorded, hits are hits; only asking the catalog is an error."""
    spoil, reason = HOMES[case]
    spoil(home)
    values, said = run_all(tmp_path / "results")
    with pytest.raises(CatalogError) as caught:
        load_result(run="0123456789")

    assert VALUES == values
    assert [f"{BEFORE} Cannot record a result in the catalog HERE/home/catalog.db: {reason} {AFTER}"] == [
        steady(each, tmp_path) for each in said
    ]
    assert f"Cannot look in the catalog HERE/home/catalog.db: {reason}" == steady(caught.value, tmp_path)


@pytest.mark.root
@pytest.mark.parametrize("used", [False, True])
def test_a_read_only_home_stops_nobody(used: bool, home: Path, tmp_path: Path) -> None:
    """Whether a catalog is there already or not."""
    with mounted(home, "size=8m"):
        if used:
            run_all(tmp_path / "before")
            catalogs.close_catalogs()
        subprocess.run(["mount", "-o", "remount,ro", home], check=True)
        values, said = run_all(tmp_path / "results")

    assert VALUES == values
    assert 1 == len(said)
    assert said[0].startswith(BEFORE)


@pytest.mark.root
def test_a_full_home_stops_nobody(home: Path, tmp_path: Path) -> None:
    """One warning that says that the disk is full."""
    with mounted(home, "size=64k"):
        (home / "filler").write_bytes(bytes(60 << 10))
        values, said = run_all(tmp_path / "results")

    assert VALUES == values
    assert 1 == len(said)
    assert "the disk is full" in said[0]


@pytest.mark.parametrize(
    "names",
    [
        ["catalog.db"],
        ["catalog.db", "catalog.db-wal", "catalog.db-shm"],
        ["catalog.db-wal"],
        ["catalog.db-shm"],
        ["catalog.db-wal", "catalog.db-shm"],
    ],
)
def test_a_catalog_deleted_in_the_middle_of_a_run_is_made_anew(names: list[str], home: Path, tmp_path: Path) -> None:
    """What is kept from then on is in the new one, and no run notices."""
    kept = task(persist_result=True, result_storage=tmp_path / "results", return_state=True)(lambda n: [n])

    @flow
    def around() -> Any:
        kept(1)
        for name in names:
            (home / name).unlink()
        return kept(2)

    state = around.with_options(cache_result_in_memory=False)()
    catalogs.close_catalogs()

    assert [2] == load_result(key=state.reference.key)
    assert [2] == load_result(run=state.run_id)
    with sqlite3.connect(home / "catalog.db") as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


def test_a_home_deleted_in_the_middle_of_a_run_is_made_anew(home: Path, tmp_path: Path) -> None:
    """The whole folder."""
    kept = task(persist_result=True, result_storage=tmp_path / "results", return_state=True)(lambda n: [n])
    kept(1)
    shutil.rmtree(home)
    state = kept(2)

    assert [2] == load_result(key=state.reference.key)  # type: ignore[attr-defined]
    assert os.path.exists(home / "catalog.db")


def test_a_name_that_is_no_text_spoils_no_record(tmp_path: Path) -> None:
    """Lone surrogates, quotes and newlines in a task's name: recorded, and what follows is recorded too."""
    names = ["lone \ud800", 'it\'s "quoted"\nand\tbroken', "täsk 日本 🎉", "x" * 10_000, "nul \0 inside"]
    for name in names:
        task(name=name, persist_result=True, result_storage=tmp_path / "results")(lambda: [1])()
    flow(lambda: 1)()
    catalog = open_catalog(settings.current())

    assert len(names) == len(catalog.references())
    assert {"lone \\ud800", *names[1:]} == {row.name for row in catalog.references()}
    assert {"lone \\ud800", *names[1:], "<lambda>"} == {row.name for row in catalog.runs()}


def test_a_block_without_a_slug_is_read_without_the_catalog(home: Path) -> None:
    """Its credentials may be in the environment, so a damaged catalog is a warning and no error."""
    write = task(persist_result=True, result_storage=MemoryFileSystem(), return_state=True)(lambda: ["kept"])
    garbage(home)
    with pytest.warns(HoldallWarning, match="Runs are not being recorded"):
        reference = write().reference.json()  # type: ignore[attr-defined]
    with pytest.warns(HoldallWarning, match="the catalog cannot say whether it keeps credentials for it"):
        found = from_json(reference).get()

    assert ["kept"] == found
