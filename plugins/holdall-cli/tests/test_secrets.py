"""Secrets in URLs: no command prints one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from holdall.security.redact import HIDDEN, shown

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2SECRET"


@pytest.mark.parametrize(
    "words",
    [
        ["config", "show"],
        ["config", "show", "--json"],
        ["explain", "work.py:kept"],
        ["explain", "work.py:kept", "--json"],
        ["explain", "work.py:own"],
        ["result", "ls"],
        ["gc", "--dry-run"],
        ["plugin", "doctor"],
    ],
)
@pytest.mark.parametrize("shape", ["sftp://bob:{}@127.0.0.1:1/results", "https://host/x?sig={}"])
def test_no_command_prints_one(shape: str, words: list[str], work: Path) -> None:
    """From the configuration file of a project, and from the task itself."""
    url = shape.format(SECRET)
    (work / "holdall.toml").write_text(f"[results]\ndefault_storage = {json.dumps(url)}\npersist_by_default = true\n")
    (work / "work.py").write_text(
        f"from holdall import task\nkept = task(lambda: 1, name='kept')\nown = task(lambda: 1, result_storage={url!r})\n"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "holdall", *words], cwd=work, capture_output=True, text=True, check=False, timeout=60
    )

    assert "Traceback" not in ran.stderr
    assert words[0] not in {"config", "explain"} or shown(url).rpartition(HIDDEN)[2] in ran.stdout
    assert SECRET not in ran.stdout + ran.stderr
