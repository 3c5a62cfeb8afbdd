"""Homes, programs and file systems for tests that break things."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdall.catalog import open as catalogs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(__file__).parent / "programs"
sys.path.insert(0, str(Path(__file__).parent))  # so that the tests can import messages


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalog and a working directory of the test's own; nothing large stays behind."""
    folder = tmp_path / "home"
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOLDALL_HOME", str(folder))
    yield folder
    catalogs.close_catalogs()
    monkeypatch.undo()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def program() -> Callable[..., subprocess.Popen[str]]:
    """Start one of the programs beside the tests, or `-c` and a script, in this interpreter."""

    def start(*command: object, **options: object) -> subprocess.Popen[str]:
        first, *rest = map(str, command)
        what = [first] if first == "-c" else [str(PROGRAMS / first)]
        return subprocess.Popen(
            [sys.executable, *what, *rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PROGRAMS)},
            **options,  # type: ignore[call-overload] - Popen's own
        )

    return start


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs on `folder`."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.fail(f"This test needs root and mount: {done.stderr.decode()}")
    try:
        yield folder
    finally:
        catalogs.close_catalogs()
        subprocess.run(["umount", "-l", folder], check=True)
