"""The script `holdall` of the core, with and without the distribution that has the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from holdall.__main__ import main
from holdall.testing.distributions import absent, on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INSTALL = 'The command line is not installed. Install it: pip install "holdall[cli]"\n'
PROGRAM = "import sys\n\n\ndef run():\n    print('ran', *sys.argv[1:])\n    raise SystemExit(3)\n"


@pytest.fixture
def without() -> Iterator[ExitStack]:
    """A stack of contexts for distributions that are there."""
    with ExitStack() as stack:
        yield stack


def test_without_the_command_line_the_install_line_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, with the status of a command that was not understood."""
    with absent("holdall-cli"), pytest.raises(SystemExit) as end:
        main()

    assert 2 == end.value.code
    assert ("", INSTALL) == capsys.readouterr()


@pytest.mark.parametrize("name", ["holdall", "attic"])
def test_commands_of_other_distributions_are_no_program(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], without: ExitStack
) -> None:
    """Not even one that calls itself the program: it would stand in front of every command."""
    site = write_distribution(
        tmp_path / "site",
        "holdall-attic",
        entry_points={"holdall.cli": {name: "attic_program:run"}},
        modules={"attic_program": PROGRAM},
    )
    without.enter_context(on_path(site))
    without.enter_context(absent("holdall-cli"))
    with pytest.raises(SystemExit) as end:
        main()

    assert 2 == end.value.code
    assert ("", INSTALL) == capsys.readouterr()
    assert "attic_program" not in sys.modules


def test_the_program_is_that_of_the_first_copy_on_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the arguments, and decides the status."""
    site = write_distribution(
        tmp_path / "site",
        "holdall_CLI",
        entry_points={"holdall.cli": {"holdall": "first_program:run"}},
        modules={"first_program": PROGRAM},
    )
    monkeypatch.setattr(sys, "argv", ["holdall", "result", "ls"])
    with on_path(site), pytest.raises(SystemExit) as end:
        main()

    assert 3 == end.value.code
    assert ("ran result ls\n", "") == capsys.readouterr()


def test_a_command_line_that_cannot_be_imported_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where a package that it needs was uninstalled."""
    site = write_distribution(
        tmp_path / "site",
        "holdall-cli",
        entry_points={"holdall.cli": {"holdall": "torn_program:run"}},
        modules={"torn_program": "import no_such_package\n"},
    )
    with on_path(site), pytest.raises(SystemExit) as end:
        main()

    assert 1 == end.value.code
    said = (
        "Error: The command 'holdall' of holdall-cli 1.0 (torn_program:run) cannot be used: importing it raised "
        "ModuleNotFoundError: No module named 'no_such_package'. Bring in what it needs: pip install holdall-cli\n"
    )
    assert ("", said) == capsys.readouterr()


def test_the_module_runs_the_same_program(tmp_path: Path) -> None:
    """`python -m holdall`, in a process of its own."""
    site = write_distribution(
        tmp_path / "site",
        "holdall-cli",
        entry_points={"holdall.cli": {"holdall": "first_program:run"}},
        modules={"first_program": PROGRAM},
    )
    done = subprocess.run(
        [sys.executable, "-m", "holdall", "version"],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (3, "ran version\n", "") == (done.returncode, done.stdout, done.stderr)
