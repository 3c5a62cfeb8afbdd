"""Each serializer beside its raw library on the same data: 512 MB of array, a frame of 5 M x 6, 100,000 nested dicts."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from timing import Row, in_fresh_process, interleaved

SCRIPT = Path(__file__).parents[1] / "sides" / "serializers.py"
CASES = (
    "pickle-array",
    "numpy",
    "npz",
    "encrypted-array",
    "base64",
    "parquet-pandas",
    "parquet-polars",
    "arrow-pandas",
    "json",
    "orjson",
    "msgpack",
    "pickle-dicts",
)


def measure(directory: Path) -> list[Row]:
    return [*(_row(directory, case, what) for case in CASES for what in ("put", "get")), _choice()]


def _row(directory: Path, case: str, what: str) -> Row:
    extra: dict[str, list[float]] = {}
    place = directory / f"serializers-{case}"
    place.mkdir(exist_ok=True)

    def run(side: str) -> float:
        figures = in_fresh_process(SCRIPT, case, side, what, directory=place)
        extra.setdefault(side, []).append(figures["extra"])
        return figures["s"]

    rounds = interleaved({side: lambda side=side: run(side) for side in ("raw", "holdall")}, rounds=3)
    peak = ", ".join(f"{side} {median(taken):.0f}" for side, taken in extra.items())
    return Row(
        title=f"{case}, {what}",
        unit="s",
        rounds=rounds,
        target="10x faster than the peer" if case == "base64" else "1.15x; peak 1.2x",
        notes=(f"MiB added at the peak: {peak}",),
    )


def _choice() -> Row:
    """What `auto` adds to the serializer that it chooses, for a small dict."""
    from holdall.builtin.auto import AutoSerializer
    from holdall.builtin.json.serializer import JSONSerializer

    value = {"a": 1, "b": [1, 2, 3], "c": {"d": "text"}}
    sides = {"raw": JSONSerializer(), "auto": AutoSerializer()}

    def run(name: str) -> float:
        codec, count = sides[name], 20_000
        started = perf_counter()
        for _ in range(count):
            codec.dump_as(value)
        return (perf_counter() - started) / count * 1e6

    return Row(
        title="a small dict by json, and by auto",
        unit="us",
        rounds=interleaved({name: lambda name=name: run(name) for name in sides}, rounds=5),
        target="raw + 5 us",
        notes=(f"Python {sys.version_info[0]}.{sys.version_info[1]}",),
    )
