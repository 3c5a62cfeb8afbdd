"""Several processes at once on one storage and one catalog."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from holdall import load_result, settings
from holdall.abc.lock import LEASE_SECONDS
from holdall.catalog.open import open_catalog
from holdall.results import from_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Start = Callable[..., subprocess.Popen[str]]

PROCESSES = 8
EACH = 1_000


def together(start: Start, *command: object, numbered: bool = False) -> list[tuple[str, str]]:
    """What eight processes printed that were let go at one moment."""
    racers = [start(*command, *([number, EACH] if numbered else [])) for number in range(PROCESSES)]
    for racer in racers:
        assert racer.stdout is not None
        assert "ready\n" == racer.stdout.readline(), racer.communicate()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate(timeout=600) for racer in racers]


def test_eight_writers_lose_and_double_nothing(program: Start, tmp_path: Path) -> None:
    """Eight processes write a thousand results each: all in storage, all right, all in the catalog, each once."""
    storage = tmp_path / "results"
    printed = together(program, "many.py", storage, numbered=True)
    catalog = open_catalog(settings.current())
    keys = {key: who * EACH + n for who, (out, _) in enumerate(printed) for n, key in enumerate(json.loads(out))}
    rows = catalog.references(limit=10 * PROCESSES * EACH)
    runs = catalog.runs(limit=10 * PROCESSES * EACH)
    notes = {row.key: from_json(row.reference).get()["note"] for row in rows}
    in_storage = sum(1 for _ in (storage / "results").rglob("*.json"))

    assert [""] * PROCESSES == [trouble for _, trouble in printed]
    assert PROCESSES * EACH == len(keys) == len(rows) == in_storage
    assert keys == notes
    assert PROCESSES * (EACH + 1) == len(runs) == len({run.id for run in runs})
    assert {"completed"} == {run.state for run in runs}


def test_one_cold_key_is_computed_once(program: Start, tmp_path: Path) -> None:
    """Eight processes miss at one moment: one computes, the others wait for its record and not much longer."""
    started = time.monotonic()
    printed = together(program, "cold.py", tmp_path / "results")
    took = time.monotonic() - started
    values, waited = zip(*(json.loads(out) for out, _ in printed), strict=True)

    assert [""] * PROCESSES == [trouble for _, trouble in printed]
    assert 1 == len(set(values)) == len(list(tmp_path.glob("ran-*")))
    assert max(waited) < LEASE_SECONDS, f"all took {took:.1f} s"
    assert values[0] == load_result(key=open_catalog(settings.current()).references()[0].key)


def test_a_killed_holder_lets_the_next_one_compute(program: Start, tmp_path: Path) -> None:
    """The lock of a cold key dies with its process, not after a timeout."""
    first = program("cold.py", tmp_path / "results")
    assert first.stdin is not None
    first.stdin.write("go\n")
    first.stdin.flush()
    while not list(tmp_path.glob("ran-*")):
        time.sleep(0.005)
    first.kill()
    first.communicate()
    second = program("cold.py", tmp_path / "results")
    out, trouble = second.communicate("go\n", timeout=600)

    assert "" == trouble
    assert second.pid == json.loads(out.removeprefix("ready\n"))[0]
