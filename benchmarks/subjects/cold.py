"""8 processes want one missing key whose body takes a second: how often it runs, and when the last has its value."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from timing import Row

SCRIPT = Path(__file__).parents[1] / "sides" / "cold.py"
PROCESSES = 8


def measure(directory: Path) -> list[Row]:
    rounds: dict[str, list[float]] = {"body": [], "holdall": []}
    ran = []
    for number in range(3):
        place = directory / f"cold-{number}"
        place.mkdir()
        environment = {**os.environ, "HOLDALL_HOME": str(place / "home"), "PYTHONDONTWRITEBYTECODE": ""}
        started = time.perf_counter()
        processes = [
            subprocess.Popen([sys.executable, str(SCRIPT)], cwd=place, env=environment) for _ in range(PROCESSES)
        ]
        failed = [process for process in processes if process.wait()]
        assert not failed, "a process failed"
        rounds["holdall"].append(time.perf_counter() - started)
        rounds["body"].append(1.0)
        ran.append(len(list(place.glob("ran-*"))))
    return [
        Row(
            title="8 processes on one cold key with a 1 s body, start of Python included",
            unit="s",
            rounds=rounds,
            raw="body",
            target="one run, 1.3 s",
            notes=(f"bodies run: {ran}",),
        )
    ]
