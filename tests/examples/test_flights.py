"""The example on real data: run twice, as a user does, and then the commands that it prints."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parents[2] / "examples"
TASKS = {"load", "clean", "join", "worst_tenth", "draw"}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """Runs a command of this environment beside a copy of the examples, with a home of its own; its output."""
    kept = shutil.ignore_patterns("results", "__pycache__")
    shutil.copytree(EXAMPLES, tmp_path / "clone" / "examples", ignore=kept)
    # Neither an outer `uv run` nor the shell's width may change what is printed.
    ignored = {"UV", "COLUMNS"}
    environment = {name: value for name, value in os.environ.items() if name not in ignored}
    environment |= {"HOLDALL_HOME": str(tmp_path / "home"), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path / "clone", env=environment, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def flights(run: Callable[..., str], *options: str) -> str:
    return run(sys.executable, "examples/flights.py", *options)


def commands(printed: str) -> list[list[str]]:
    """What the example ends with, as typed, but for the program: the one of this environment."""
    lines = [line.strip() for line in printed.splitlines() if line.startswith("  holdall ")]
    return [[sys.executable, "-m", "holdall", *shlex.split(line)[1:]] for line in lines]


def test_the_second_run_finds_the_whole_year(run: Callable[..., str], tmp_path: Path) -> None:
    """Every task of the second process is a hit, its answer is the same, and the plot is drawn in both."""
    first = flights(run)
    answers = [json.loads(run(*command)) for command in payloads(run)]
    plot = tmp_path / "clone" / "examples" / "results" / "delays.png"
    drawn = plot.read_bytes()
    plot.unlink()
    second = flights(run)

    assert "0 of 63 results were found." in first
    assert "63 of 63 results were found; making them took " in second
    assert 328_521 == sum(group["flights"] for group in answers[0]["origin"].values())
    assert drawn.startswith(b"\x89PNG\r\n")
    assert drawn == plot.read_bytes()


def payloads(run: Callable[..., str]) -> list[list[str]]:
    """The commands that write the payloads of the flow's results, the newest first."""
    listed = json.loads(run(sys.executable, "-m", "holdall", "result", "ls", "--name", "delays", "--json"))
    return [[sys.executable, "-m", "holdall", "result", "cat", each["key"]] for each in listed]


def test_fresh_forgets(run: Callable[..., str]) -> None:
    """With --fresh nothing is found, and without it everything is again."""
    flights(run, "--rows", "3000")

    assert " 0 of " in flights(run, "--rows", "3000", "--fresh")
    assert " 0 of " not in flights(run, "--rows", "3000")


def test_the_plan_and_the_report_name_every_task(run: Callable[..., str]) -> None:
    """Where each result goes, in which format and why, and no progress bar in a pipe."""
    printed = flights(run, "--rows", "3000")
    plan, report, _ = printed.split("\n\n", 2)

    assert TASKS | {"delays"} <= {line.split(" ")[0] for line in plan.splitlines()}
    assert TASKS <= {line.split(" ")[0] for line in report.splitlines()}
    assert {"local-file-system/raw", "local-file-system/reports", "compressed/pickle", "msgpack", "json"} <= {
        *plan.split()
    }
    assert "Resampling" not in printed


def test_the_commands_at_the_end_work(run: Callable[..., str]) -> None:
    """Each of the three prints something about this very run."""
    listed, shown, explained = commands(flights(run, "--rows", "3000"))

    assert "local-file-system/reports" in run(*listed)
    assert "delays" in run(*shown)
    assert "The result of task 'worst_tenth' is persisted" in run(*explained)
