"""What importing holdall loads: looked up in `sys.modules` of a fresh process, never on a clock."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "asyncio",
    "cryptography",
    "filelock",
    "importlib.metadata",
    "logging",
    "platformdirs",
    "pluggy",
    "pydantic",
    "sqlite3",
    "tomllib",
    "typer",
)


def loaded(statement: str, folder: Path) -> set[str]:
    """The modules that the statement adds to those of a bare interpreter, by the start-up files of its environment."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder)
    assert "" == done.stderr
    return set(done.stdout.split())


def test_import_holdall_loads_no_third_party_module(tmp_path: Path) -> None:
    """Nor any module of its own but itself."""
    found = loaded("import holdall", tmp_path)
    foreign = {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}

    assert {"holdall"} == foreign


def test_import_holdall_loads_next_to_nothing_of_the_standard_library(tmp_path: Path) -> None:
    """Nothing but what annotations need."""
    assert {"holdall", "__future__"} == loaded("import holdall", tmp_path)


@pytest.mark.parametrize("statement", ["from holdall import flow, task", "import holdall; holdall.flow; holdall.task"])
def test_flow_and_task_load_nothing_heavy(tmp_path: Path, statement: str) -> None:
    """A script that only declares tasks does not pay for what it may never use."""
    found = loaded(statement, tmp_path)

    assert [] == [name for name in HEAVY if name in found]


def test_flow_and_task_load_no_plugin(tmp_path: Path) -> None:
    """Plugins are for those who name them."""
    found = loaded("from holdall import flow, task", tmp_path)

    assert [] == sorted(name for name in found if name.startswith("holdall_"))


def test_the_kit_for_plugin_authors_needs_no_command_line(tmp_path: Path) -> None:
    """Each module of it can be imported where neither the command line nor its libraries are installed."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(['click', 'holdall_cli', 'rich', 'typer'])\n"
        "import holdall.testing, importlib, pkgutil\n"
        "for each in pkgutil.iter_modules(holdall.testing.__path__, 'holdall.testing.'):\n"
        "    print(importlib.import_module(each.name).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert {"holdall.testing.storage", "holdall.testing.serializers"} <= set(done.stdout.split())
