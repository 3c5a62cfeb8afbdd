"""`holdall catalog rebuild`: what it says, asks and leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import until

from holdall.catalog.open import close_catalogs
from holdall.testing.distributions import write_distribution

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

LEDGER = """
import os

from holdall.builtin.sqlite import SQLiteCatalog


class Ledger(SQLiteCatalog):
    slug = "ledger"

    @classmethod
    def file_in(cls, home, /):
        return os.path.join(home, "ledger.db")
"""
PROGRAM = "from holdall import task; task(persist_result=True, name='rows')(lambda: [1, 2])()"
SUMMARY = {"label", "restored", "known", "forgotten", "copies", "skipped", "problem"}


@pytest.fixture
def file(ran: ModuleType, tmp_path: Path) -> Path:
    """The catalog after one run, with nobody at it."""
    assert ran is not None
    close_catalogs()
    return tmp_path / "home" / "catalog.db"


def test_restores_a_catalog_that_is_gone(holdall: Any, file: Path, work: Path, plain: Any) -> None:
    """What lay in folders that only the catalog named is found when they are named again."""
    before = holdall("result", "ls").stdout
    close_catalogs()
    file.unlink()
    (work / ".holdall-results" / "notes.txt").write_text("of somebody else")
    first = holdall("catalog", "rebuild")
    second = holdall("catalog", "rebuild", "--storage", "./.holdall-results", "--storage", "./elsewhere")

    assert (
        "local-file-system:<tmp>/project/.holdall-results: 3 references restored.\n"
        "local-file-system:<tmp>/project/.holdall-results: 1 skipped, not a record of holdall: notes.txt.\n"
    ) == plain(first.stdout)
    assert "literals" in first.stderr
    assert (
        "local-file-system:<tmp>/project/.holdall-results: 0 references restored, and 3 known already.\n"
        "local-file-system:<tmp>/project/.holdall-results: 1 skipped, not a record of holdall: notes.txt.\n"
        "local-file-system:<tmp>/project/elsewhere: 1 reference restored.\n"
    ) == plain(second.stdout)
    assert before == holdall("result", "ls").stdout


def test_asks_before_a_damaged_catalog_is_moved(holdall: Any, file: Path) -> None:
    """A no leaves it where it is; a yes keeps it beside the new one."""
    file.write_bytes(b"damaged" * 1000)
    refused = holdall("catalog", "rebuild", given="n\n")

    assert 1 == refused.exit_code
    assert f"Move {file} aside" in refused.stderr
    assert b"damaged" * 1000 == file.read_bytes()
    agreed = holdall("catalog", "rebuild", given="y\n")
    aside = next(file.parent.glob("catalog.db.corrupt-*"))

    assert agreed.exit_code == 0
    assert f"The damaged catalog is now {aside}." in agreed.stdout
    assert f"They are in {aside} alone." in agreed.stderr
    assert b"damaged" * 1000 == aside.read_bytes()
    assert 3 == len(json.loads(holdall("result", "ls", "--json").stdout))


def test_the_error_of_a_damaged_catalog_leads_here(holdall: Any, file: Path) -> None:
    """What the message promises is what the command does."""
    file.write_bytes(b"damaged" * 1000)
    said = holdall("result", "ls")

    assert said.exit_code == 1
    assert "`holdall catalog rebuild` moves the file aside and makes a new one" in said.stderr
    assert holdall("catalog", "rebuild", "--yes").exit_code == 0
    assert holdall("result", "ls").exit_code == 0


def test_says_the_same_as_json(holdall: Any, file: Path, work: Path) -> None:
    """Standard output is one document; a damaged record is in it with its reason."""
    record = next((work / ".holdall-results" / "results").rglob("*.json"))
    record.write_bytes(record.read_bytes()[:-30])
    file.write_bytes(b"damaged" * 1000)
    found = holdall("catalog", "rebuild", "--yes", "--json")
    document = json.loads(found.stdout)
    (storage,) = document["storages"]

    assert {"catalog", "moved_to", "storages", "unopened"} == set(document)
    assert SUMMARY == set(storage)
    assert str(file) == document["catalog"]
    assert document["moved_to"].startswith(f"{file}.corrupt-")
    assert 2 == storage["restored"]
    assert [("damaged", record.relative_to(work / ".holdall-results").as_posix())] == [
        (each["reason"], each["key"]) for each in storage["skipped"]
    ]


def test_a_storage_that_cannot_be_had_is_said_and_ends_in_1(holdall: Any, work: Path) -> None:
    """The rest is done all the same; one that was named and is unknown stops the command before anything."""
    (work / "holdall.toml").write_text('[blocks.nowhere.prod]\nfield = "value"\n')
    found = holdall("catalog", "rebuild")
    unknown = holdall("catalog", "rebuild", "--storage", "s4/prod")

    assert found.exit_code == 1
    assert "Not read: nowhere/prod." in found.stderr
    assert "No storage is known here" in found.stdout
    assert unknown.exit_code == 1
    assert "s4/prod" in unknown.stderr


@pytest.mark.parametrize("setting", ["1", "0"])
def test_no_bar_is_drawn_into_a_pipe(file: Path, work: Path, setting: str) -> None:
    """Standard error has the remark and nothing that moves."""
    assert file.exists()
    done = subprocess.run(
        [sys.executable, "-m", "holdall", "catalog", "rebuild"],
        cwd=work,
        env=os.environ | {"HOLDALL_PROGRESS": setting},
        capture_output=True,
        text=True,
        check=True,
    )

    assert 1 == len(done.stderr.splitlines())
    assert "\r" not in done.stderr + done.stdout
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize(("setting", "drawn"), [("1", True), ("0", False)])
def test_a_bar_is_drawn_in_a_terminal_when_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, work: Path, capfd: pytest.CaptureFixture[str], setting: str, drawn: bool
) -> None:
    """Unless `HOLDALL_PROGRESS` is 0; either way everything is handed on."""
    from holdall.storage.progress import _display
    from holdall_cli.views import output

    assert work.is_dir()
    monkeypatch.setenv("HOLDALL_PROGRESS", setting)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(output, "_LONG", 0.0)

    tracked = iter(output.track(range(50), "Reading [all] of it"))
    first = next(tracked)
    if drawn:
        until(lambda: _display.bars is not None, seconds=20, what=lambda: "no bar")

    assert list(range(50)) == [first, *tracked]
    assert drawn == ("Reading [all] of it" in capfd.readouterr().err)


def test_commands_read_the_catalog_of_a_plugin(tmp_path: Path) -> None:
    """The one that the variable names, in processes of their own; looking makes none."""
    site = write_distribution(
        tmp_path / "site",
        "holdall-ledger",
        entry_points={"holdall.catalogs": {"ledger": "ledgers:Ledger"}},
        modules={"ledgers": LEDGER},
    )
    home = tmp_path / "home"
    environment = os.environ | {"PYTHONPATH": str(site), "HOLDALL_HOME": str(home), "HOLDALL_CATALOG": "ledger"}

    def process(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert [] == json.loads(process("-m", "holdall", "run", "ls", "--json"))
    assert not home.exists()
    process("-c", PROGRAM)
    names = [row["name"] for row in json.loads(process("-m", "holdall", "run", "ls", "--json"))]
    shown = {row["name"]: row for row in json.loads(process("-m", "holdall", "config", "show", "--json"))}

    assert ["rows"] == names
    assert ["ledger.db"] == [path.name for path in home.glob("*.db")]
    assert ("ledger", "HOLDALL_CATALOG") == (shown["catalog"]["value"], shown["catalog"]["source"])
    assert (None, "HOLDALL_LOCKS") == (shown["locks"]["value"], shown["locks"]["variable"])
