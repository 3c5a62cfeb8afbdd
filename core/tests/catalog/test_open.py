"""The open catalog of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from holdall import load_result, task
from holdall.catalog.open import catalog_path, close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import ConfigurationError, MissingResultError, PluginBrokenError, PluginConflictError
from holdall.settings import model as settings
from holdall.settings.model import Settings
from holdall.testing.catalog import a_run
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEDGER = """
import os

from holdall.builtin.sqlite import SQLiteCatalog


class Ledger(SQLiteCatalog):
    slug = "ledger"

    @classmethod
    def file_in(cls, home, /):
        return os.path.join(home, "ledger.db")


class Elsewhere(SQLiteCatalog):
    slug = "elsewhere"

    @classmethod
    def open(cls, home, /, *, patience, create=True):
        return cls(os.environ["ELSEWHERE"], timeout=patience, create=create)

    @classmethod
    def file_in(cls, home, /):
        return None


class Broken(Ledger):
    slug = "broken"

    @classmethod
    def open(cls, home, /, *, patience, create=True):
        raise TypeError("no such host")
"""
PROGRAM = """
from holdall import flow, task

@task(persist_result=True)
def rows():
    return [1, 2]

@flow
def report():
    return rows()

report()
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_catalogs()


def test_opens_one_catalog_per_home(tmp_path: Path) -> None:
    """Equal homes share an object, others don't, and nothing is made before use."""
    here, there = Settings(home=str(tmp_path / "a")), Settings(home=str(tmp_path / "b"))

    assert open_catalog(here) is open_catalog(Settings(home=here.home))
    assert open_catalog(here) is not open_catalog(there)
    assert [] == list(tmp_path.iterdir())


def test_keeps_the_catalog_in_the_home(tmp_path: Path) -> None:
    """As `catalog.db`, whose log is gone after closing."""
    open_catalog(Settings(home=str(tmp_path))).add_runs([a_run()])
    close_catalogs()

    assert ["catalog.db"] == [path.name for path in tmp_path.iterdir()]


def test_importing_it_costs_no_sqlite3() -> None:
    """The built-in catalog is imported when one is opened."""
    code = "import sys, holdall.catalog.open, holdall.catalog.recorder; sys.exit('sqlite3' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_a_forked_child_and_the_exit_close_what_they_opened(tmp_path: Path) -> None:
    """The child opens anew, and after both have left the file stands alone, without a log."""
    code = """
import os, sys
from holdall.settings import Settings
from holdall.catalog.open import open_catalog
from holdall.testing.catalog import a_run
settings = Settings(home=sys.argv[1])
catalog = open_catalog(settings)
catalog.add_runs([a_run(1)])
child = os.fork()
if not child:
    print(open_catalog(settings) is not catalog, flush=True)
    open_catalog(settings).add_runs([a_run(2)])
    sys.exit()
os.waitpid(child, 0)
print(open_catalog(settings) is catalog, len(catalog.runs()))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert ["True", "True 2"] == done.stdout.splitlines()
    assert "" == done.stderr
    assert ["catalog.db"] == [path.name for path in tmp_path.iterdir()]


def ledger(tmp_path: Path, name: str = "holdall-ledger") -> Path:
    """The folder of a distribution with three catalogs."""
    return write_distribution(
        tmp_path / name,
        name,
        entry_points={
            "holdall.catalogs": {each: f"ledgers:{each.capitalize()}" for each in ("ledger", "elsewhere", "broken")}
        },
        modules={"ledgers": LEDGER},
    )


@contextmanager
def installed(tmp_path: Path) -> Iterator[None]:
    """The distribution on the path; whatever it has open is closed before it goes."""
    with on_path(ledger(tmp_path)):
        yield
        close_catalogs()


@task(persist_result=True)
def rows() -> list[int]:
    """A run that is worth remembering."""
    return [1, 2]


def test_a_catalog_of_a_plugin_remembers_runs_and_results(place: Path) -> None:
    """Named in a file; the built-in one is not made."""
    (place / "holdall.toml").write_text('catalog = "ledger"\n')
    with installed(place):
        state = rows(return_state=True)
        catalog = open_catalog(settings.current())
        recorder_for(catalog).flush()

        assert "Ledger" == type(catalog).__name__
        assert ["rows"] == [row.name for row in catalog.runs()]
        assert [1, 2] == load_result(run=state.run_id)
        assert str(place / "home" / "ledger.db") == catalog_path(settings.current())
        recorder_for(catalog).close()
        (place / "holdall.toml").unlink()

    assert (place / "home" / "ledger.db").is_file()
    assert not (place / "home" / "catalog.db").exists()


def test_a_catalog_of_a_plugin_serves_programs(tmp_path: Path) -> None:
    """Found by its entry point in fresh processes, by the variable."""
    environment = os.environ | {
        "PYTHONPATH": str(ledger(tmp_path)),
        "HOLDALL_HOME": str(tmp_path / "home"),
        "HOLDALL_CATALOG": "ledger",
    }

    def process(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    process(PROGRAM)
    names = process(
        "from holdall.catalog.open import open_catalog; from holdall.settings import current;"
        "print(*sorted(row.name for row in open_catalog(current()).runs()))"
    )

    assert ["report", "rows"] == names.split()
    assert ["ledger.db"] == [path.name for path in (tmp_path / "home").glob("*.db")]


def test_a_catalog_without_a_file_in_the_home_is_asked_all_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever only looks, too: commands, and messages that say where a result is now."""
    monkeypatch.setenv("HOLDALL_CATALOG", "elsewhere")
    monkeypatch.setenv("ELSEWHERE", str(place / "elsewhere.db"))
    from holdall.maintenance.rebuild_catalog import damage

    with installed(place):
        first = rows(return_state=True)
        second = rows.with_options(result_storage="./other")(return_state=True)
        found = settings.current()
        recorder_for(open_catalog(found)).flush()

        assert None is catalog_path(found)
        assert {first.run_id, second.run_id} == {row.id for row in open_catalog(found, create=False).runs()}
        assert None is damage(found)
        with pytest.raises(MissingResultError, match="knows no result"):
            load_result(key="results/00/none.json")
        recorder_for(open_catalog(found)).close()
        monkeypatch.delenv("HOLDALL_CATALOG")

    assert (place / "elsewhere.db").is_file()
    assert [] == list((place / "home").glob("*.db"))


def test_an_unknown_catalog_stops_the_run_before_its_body(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the nearest spelling, what is installed, and how to add one."""
    ran = []
    monkeypatch.setenv("HOLDALL_CATALOG", "sqlight")

    @task
    def body() -> None:
        ran.append(1)

    with pytest.raises(ConfigurationError) as caught:
        body()
    monkeypatch.delenv("HOLDALL_CATALOG")

    assert str(caught.value).startswith("No catalog is called 'sqlight'. Did you mean 'sqlite'? Installed: ")
    assert str(caught.value).endswith(
        "To add one, point an entry point of the group 'holdall.catalogs' at a subclass of holdall.abc.Catalog."
    )
    assert [] == ran
    assert not (place / "home").exists()


def test_a_catalog_that_cannot_be_opened_is_a_broken_plugin(tmp_path: Path) -> None:
    """Whatever it raises."""
    with (
        on_path(ledger(tmp_path)),
        pytest.raises(PluginBrokenError, match=r"'broken' \(ledgers.Broken\).*no such host"),
    ):
        open_catalog(Settings(home=str(tmp_path), catalog="broken"))


def test_the_settings_choose_between_two_distributions(tmp_path: Path) -> None:
    """As for every other plugin; two kinds in one home are two catalogs."""
    chosen = Settings(home=str(tmp_path), catalog="ledger", plugins_prefer={"catalogs.ledger": "other-ledger"})
    with on_path(ledger(tmp_path), ledger(tmp_path, "other-ledger")):
        with pytest.raises(PluginConflictError, match="claimed by"):
            open_catalog(Settings(home=str(tmp_path), catalog="ledger"))

        assert "Ledger" == type(open_catalog(chosen)).__name__
        assert open_catalog(chosen) is not open_catalog(Settings(home=str(tmp_path)))
        close_catalogs()


def test_the_built_in_catalog_is_used_without_a_look_at_what_is_installed(tmp_path: Path) -> None:
    """A scan costs more than a first result."""
    code = (
        "from holdall import task; from holdall.plugins import registry;"
        "f = task(persist_result=True)(lambda: [1]); f(); print(registry.scanned())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"HOLDALL_HOME": str(tmp_path / "home"), "HOLDALL_HOOKS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "False" == done.stdout.strip()


def test_looking_makes_no_catalog(tmp_path: Path) -> None:
    """It gives the one that is there, the same as for everybody, and an empty one before."""
    settings = SimpleNamespace(home=str(tmp_path / "home"), catalog="sqlite", plugins_prefer={})

    assert [] == open_catalog(settings, create=False).runs()
    assert not (tmp_path / "home").exists()
    open_catalog(settings).add_runs([a_run(1)])
    assert open_catalog(settings) is open_catalog(settings, create=False)
