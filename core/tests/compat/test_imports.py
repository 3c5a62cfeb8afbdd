"""What texts and plugins of an earlier release import can be imported: from there, or with a word on where it is now."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from golden_members import is_installed
from import_list import LIST, collected, listed

TRIAL = Path(__file__).parent / "import_trial.py"


@cache
def outcomes() -> dict[str, dict[str, Any]]:
    """What each line gives, in a process that imports it alone."""
    done = subprocess.run(
        [sys.executable, str(TRIAL)],
        input=json.dumps(listed()),
        capture_output=True,
        text=True,
        check=True,
        # With bytecode: else each process would compile what the one before it has compiled.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def problem(outcome: dict[str, Any]) -> str | None:
    """What is wrong with an import, for people; None where it worked as it should."""
    if outcome["error"] is not None:
        missing = re.search(r"pip install (holdall-\w+)", outcome["error"])
        return None if missing is not None and not is_installed(missing[1]) else str(outcome["error"])
    if not outcome["warnings"]:
        return None
    kinds = [kind for kind, _ in outcome["warnings"]]
    if kinds != ["DeprecationWarning"]:
        return f"warned otherwise than with one DeprecationWarning: {outcome['warnings']}"
    return None if outcome["places"] else f"the warning names no place where it is now: {outcome['warnings'][0][1]}"


@pytest.mark.parametrize("line", listed())
def test_what_was_imported_can_be_imported(line: str) -> None:
    """Without a warning, or with one `DeprecationWarning` that names the place where it is now."""
    assert None is problem(outcomes()[line])


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"error": "ImportError: no", "warnings": [], "places": []}, "ImportError: no"),
        ({"error": None, "warnings": [["UserWarning", "no"]], "places": ["holdall.x"]}, "warned otherwise"),
        ({"error": None, "warnings": [["DeprecationWarning", "no"]] * 2, "places": ["holdall.x"]}, "warned otherwise"),
        ({"error": None, "warnings": [["DeprecationWarning", "no"]], "places": []}, "names no place"),
        ({"error": None, "warnings": [["DeprecationWarning", "yes"]], "places": ["holdall.x"]}, ""),
    ],
)
def test_an_import_that_does_not_work_is_noticed(outcome: dict[str, Any], expected: str) -> None:
    """A name that has gone, another warning, a second one, and one that sends nobody anywhere."""
    found = problem(outcome)

    assert expected in (found or "")
    assert bool(expected) == bool(found)


def test_an_import_is_tried_as_it_is_written(tmp_path: Path) -> None:
    """A name that is not there, one that has moved, and one that is said to have moved to where it is not."""
    package = tmp_path / "holdall"
    package.mkdir()
    package.joinpath("__init__.py").write_text("")
    package.joinpath("new.py").write_text("State, other = object(), object()")
    package.joinpath("old.py").write_text(
        "import warnings\n"
        "def __getattr__(name):\n"
        "    from holdall import new\n"
        "    if name.startswith('_'): raise AttributeError(name)\n"
        "    warnings.warn(f'holdall.old.{name} is now holdall.new.State', DeprecationWarning, stacklevel=2)\n"
        "    return getattr(new, name)\n"
    )
    lines = ["holdall.new:State", "holdall.old:State", "holdall.old:other", "holdall.gone:State", "holdall.old"]
    done = subprocess.run(
        [sys.executable, str(TRIAL)],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    found = {line: problem(outcome) for line, outcome in json.loads(done.stdout).items()}

    assert {"holdall.new:State": None, "holdall.old:State": None, "holdall.old": None}.items() <= found.items()
    assert "names no place" in (found["holdall.old:other"] or "")
    assert "ModuleNotFoundError" in (found["holdall.gone:State"] or "")


def test_the_list_is_in_order() -> None:
    """Each line once, so that a change shows as the lines that it is."""
    assert sorted(set(listed())) == LIST.read_text("ascii").splitlines()


def test_the_tree_is_read() -> None:
    """Texts, programs in them, plugins and the lines of the reference: else the list would be short and nobody notice."""
    found = collected()

    assert {"holdall:flow", "holdall:task", "holdall.errors", "holdall.types:Parts", "holdall.filesystems:S3"} <= found
