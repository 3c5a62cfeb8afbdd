"""A small dict kept; and found again, in a new process and in the same one."""

from __future__ import annotations

from pathlib import Path

from timing import Row, in_fresh_process, interleaved

SIDES = ("raw", "holdall", "diskcache", "joblib")
SCRIPT = Path(__file__).parents[1] / "sides" / "small.py"


def measure(directory: Path) -> list[Row]:
    numbers = iter(range(10**6))

    def put(side: str) -> float:
        fresh = directory / f"put-{next(numbers)}"
        fresh.mkdir()
        return in_fresh_process(SCRIPT, side, "put", directory=fresh)["us"]

    def hit(side: str, what: str) -> float:
        place = directory / f"hits-{side}"
        if not place.exists():
            place.mkdir()
            in_fresh_process(SCRIPT, side, "fill", directory=place)
        return in_fresh_process(SCRIPT, side, what, directory=place)["us"]

    puts = interleaved({side: lambda side=side: put(side) for side in SIDES}, rounds=9)
    new = interleaved({side: lambda side=side: hit(side, "get") for side in SIDES}, rounds=9)
    same = interleaved({side: lambda side=side: hit(side, "same") for side in SIDES}, rounds=9)
    return [
        Row(
            title="A small dict kept: pickle, write, rename, and the reference in the catalog",
            unit="us",
            rounds=puts,
            target="2.5x, not behind diskcache",
        ),
        Row(title="A hit in a new process", unit="us", rounds=new, target="5x; diskcache's figure is the stretch"),
        Row(title="A hit in the process that computed it", unit="us", rounds=same, target="5x"),
    ]
