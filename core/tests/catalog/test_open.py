"""The open catalog of a process."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from holdall.catalog.open import close_catalogs, open_catalog
from holdall.testing.catalog import a_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_catalogs()


def test_opens_one_catalog_per_home(tmp_path: Path) -> None:
    """Equal homes share an object, others don't, and nothing is made before use."""
    here, there = SimpleNamespace(home=str(tmp_path / "a")), SimpleNamespace(home=str(tmp_path / "b"))

    assert open_catalog(here) is open_catalog(SimpleNamespace(home=here.home))
    assert open_catalog(here) is not open_catalog(there)
    assert [] == list(tmp_path.iterdir())


def test_keeps_the_catalog_in_the_home(tmp_path: Path) -> None:
    """As `catalog.db`, whose log is gone after closing."""
    open_catalog(SimpleNamespace(home=str(tmp_path))).add_runs([a_run()])
    close_catalogs()

    assert ["catalog.db"] == [path.name for path in tmp_path.iterdir()]


def test_importing_it_costs_no_sqlite3() -> None:
    """The built-in catalog is imported when one is opened."""
    code = "import sys, holdall.catalogs, holdall.catalog.recorder; sys.exit('sqlite3' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_a_forked_child_and_the_exit_close_what_they_opened(tmp_path: Path) -> None:
    """The child opens anew, and after both have left the file stands alone, without a log."""
    code = """
import os, sys
from types import SimpleNamespace
from holdall.catalogs import open_catalog
from holdall.testing.catalog import a_run
settings = SimpleNamespace(home=sys.argv[1])
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
