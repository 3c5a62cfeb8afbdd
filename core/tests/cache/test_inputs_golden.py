"""Digests are what they were: caches of users stand on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).with_name("inputs_golden.json")


def test_digests_are_those_of_the_golden_file() -> None:
    """In any process, on any Python and with any release of a library."""
    found = subprocess.run(
        [sys.executable, GOLDEN.with_suffix(".py")],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert json.loads(GOLDEN.read_text()) == json.loads(found)
