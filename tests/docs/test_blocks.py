"""Every Python block of the documentation runs, and prints what the page says it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import read

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "plugins").glob("*/README.md")),
    ]
    if read(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_the_page_run(page: Path, tmp_path: Path) -> None:
    """The blocks run in order in one namespace of a fresh process, in an empty folder with a home of its own."""
    runner = Path(__file__).with_name("run_page.py")
    environment = os.environ | {
        "HOLDALL_HOME": str(tmp_path / "home"),
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(runner.parent),
    }
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, runner, page], cwd=work, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, f"{page.relative_to(ROOT)}\n{done.stdout}\n{done.stderr}"
