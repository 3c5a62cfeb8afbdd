"""A writer that is killed at any moment leaves whole results and nothing to repair."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from holdall.abc.lock import LEASE_SECONDS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.once

KILLS = 200
SEED = 20130101


def test_two_hundred_kills_tear_nothing(program: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """A reader beside the writer sees whole results alone, and the run after each kill goes as if nothing had been."""
    storage = tmp_path / "results"
    first = program("-c", "import sys, pathlib, work; work.everything(0, pathlib.Path(sys.argv[1]))", storage)
    first.communicate(timeout=600)
    reader = program("reader.py", storage)
    killer = program("killing.py", storage, KILLS, SEED)
    killed, trouble = killer.communicate(timeout=600)
    read, more = reader.communicate("stop", timeout=600)
    log = (tmp_path / "children.log").read_text()
    outcome, seen = json.loads(killed), json.loads(read)

    assert ("", "", "") == (trouble, more, log)
    assert ([], KILLS) == (outcome["failed"], outcome["finished"])
    assert [] == seen["wrong"]
    assert {"key", "reference", "run"} <= set(seen["seen"])
    assert 100 < seen["seen"]["key"]
    assert outcome["slowest"] < LEASE_SECONDS  # nobody waited for the lease of the dead to end
