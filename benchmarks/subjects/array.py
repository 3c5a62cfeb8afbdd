"""A 512 MB array of float64 by the default serializer, checksum included; np.save and np.load are raw."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from timing import Row, in_fresh_process, interleaved

SCRIPT = Path(__file__).parents[1] / "sides" / "arrays.py"
SIDES = ("raw", "holdall", "joblib", "diskcache")


def measure(directory: Path) -> list[Row]:
    rows = []
    extra: dict[str, list[float]] = {}
    for what in ("put", "get"):
        extra.clear()

        def run(side: str, what: str = what) -> float:
            place = directory / f"array-{side}"
            place.mkdir(exist_ok=True)
            figures = in_fresh_process(SCRIPT, side, what, directory=place)
            extra.setdefault(side, []).append(figures["extra"])
            return figures["s"]

        rounds = interleaved({side: lambda side=side: run(side) for side in SIDES}, rounds=5)
        memory = ", ".join(f"{side} {median(taken):.2f}" for side, taken in extra.items())
        rows.append(
            Row(
                title=f"512 MB float64 array, {what}",
                unit="s",
                rounds=rounds,
                target="1.5x; peak 1.1x the array",
                notes=(f"memory added by the call, in arrays: {memory}",),
            )
        )
    return rows
