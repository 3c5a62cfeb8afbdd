"""A hit of a small dict, by what its key counts: a constant text, the inputs, the inputs and the code that is reached."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from timing import Row, interleaved

from holdall import task
from holdall.cache import DEFAULT, INPUTS
from holdall.filesystems import LocalFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HITS = 300
STEP = 10


def helper(number: int) -> int:
    return number + STEP


def body(number: int, name: str) -> dict[str, Any]:
    return {"number": helper(number), "name": name, "parts": [1, 2.5, None]}


def measure(directory: Path) -> list[Row]:
    storage = LocalFileSystem(basepath=str(directory / "keys"))
    tasks = {
        "constant": task(body, cache_key_fn=lambda _, __: "constant", result_storage=storage),
        "INPUTS": task(body, cache_policy=INPUTS, result_storage=storage),
        "DEFAULT": task(body, cache_policy=DEFAULT, result_storage=storage),
    }
    for each in tasks.values():
        each(1, "a small dict")

    def hits(called: Callable[[int, str], Any]) -> float:
        # The median hit, and not their sum: what is compared are microseconds, and the scheduler takes milliseconds.
        taken = []
        for _ in range(HITS):
            started = time.perf_counter()
            called(1, "a small dict")
            taken.append(time.perf_counter() - started)
        return median(taken) * 1e6

    rounds = interleaved({side: lambda each=each: hits(each) for side, each in tasks.items()}, rounds=31)
    return [
        Row(
            title="A hit in the process that computed it, by what its key counts",
            unit="us",
            rounds=rounds,
            target="DEFAULT 1.3x of a constant key, INPUTS less",
            raw="constant",
        )
    ]
