"""The first result of a fresh process, from its start to its end, in a new directory with a new catalog."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from timing import Row, interleaved

SCRIPT = Path(__file__).parents[1] / "sides" / "first.py"


def measure(directory: Path) -> list[Row]:
    numbers = iter(range(10**6))

    def run(side: str, *, known: bool) -> float:
        place = directory / (f"first-{side}" if known else f"first-{next(numbers)}")
        place.mkdir(exist_ok=known)
        environment = {**os.environ, "HOLDALL_HOME": str(place / "home"), "PYTHONDONTWRITEBYTECODE": ""}
        started = time.perf_counter()
        subprocess.run([sys.executable, str(SCRIPT), side], cwd=place, env=environment, check=True)
        return (time.perf_counter() - started) * 1e3

    sides = ("raw", "holdall", "diskcache", "joblib")
    anew = interleaved({side: lambda side=side: run(side, known=False) for side in sides}, rounds=11)
    again = interleaved({side: lambda side=side: run(side, known=True) for side in sides}, rounds=11)
    return [
        Row(title="First result of a fresh process, where nothing was before", unit="ms", rounds=anew, target="5x"),
        Row(title="First result of a fresh process, with a catalog", unit="ms", rounds=again, target="5x"),
    ]
