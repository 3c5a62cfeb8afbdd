"""20,000 results in one place: what one of the last 1,000 costs, beside one of the first 1,000."""

from __future__ import annotations

import os
import pickle
import time
from statistics import median
from typing import TYPE_CHECKING

from timing import Row

from holdall import flow, task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOTAL, STEP = 20_000, 1_000


def measure(directory: Path) -> list[Row]:
    rounds: dict[str, list[float]] = {"first 1,000": [], "last 1,000": [], "raw first": [], "raw last": []}
    for number in range(3):
        place = directory / f"growth-{number}"
        (place / "raw").mkdir(parents=True)

        def raw(each: int, place: Path = place) -> None:
            with open(place / "raw" / f"{each}.tmp", "wb") as file:
                file.write(pickle.dumps({"number": each}, 5))
            os.replace(place / "raw" / f"{each}.tmp", place / "raw" / str(each))

        kept = task(result_storage=place / "results")(lambda each: {"number": each})
        mine, theirs = _taken(flow(lambda: _steps(kept, raw)))
        rounds["first 1,000"].append(mine[0])
        rounds["last 1,000"].append(mine[-1])
        rounds["raw first"].append(theirs[0])
        rounds["raw last"].append(theirs[-1])
    return [
        Row(
            title="20,000 results in one storage and catalog, each",
            unit="us",
            rounds=rounds,
            raw="first 1,000",
            target="last at most 1.1x of first",
        )
    ]


def _taken(run: Callable[[], list[tuple[float, float]]]) -> tuple[list[float], list[float]]:
    steps = run()
    return [mine for mine, _ in steps], [theirs for _, theirs in steps]


def _steps(kept: Callable[[int], object], raw: Callable[[int], None]) -> list[tuple[float, float]]:
    return [(_median(kept, start), _median(raw, start)) for start in range(0, TOTAL, STEP)]


def _median(function: Callable[[int], object], start: int) -> float:
    taken = []
    for number in range(start, start + STEP):
        began = time.perf_counter()
        function(number)
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e6
