"""Sides that take turns, and what is said of them: medians and ratios, never a single bare time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Rounds = dict[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what was measured, by side and round; `raw` is the side that ratios are taken to."""

    title: str
    unit: str
    rounds: Rounds
    target: str
    raw: str = "raw"
    notes: tuple[str, ...] = field(default=())

    def ratios(self, side: str) -> list[float]:
        return [a / b for a, b in zip(self.rounds[side], self.rounds[self.raw], strict=True)]

    def told(self) -> str:
        base = self.rounds[self.raw]
        lines = [f"{self.title}   (target: {self.target})"]
        lines.append(f"    {self.raw:<10} {median(base):10.4g} {self.unit}   {min(base):.4g} to {max(base):.4g}")
        for side, taken in self.rounds.items():
            if side != self.raw:
                ratios = self.ratios(side)
                lines.append(
                    f"    {side:<10} {median(taken):10.4g} {self.unit}   {median(ratios):6.2f}x   "
                    f"{min(ratios):.2f}x to {max(ratios):.2f}x"
                )
        return "\n".join([*lines, *(f"    {note}" for note in self.notes)])


def interleaved(sides: Mapping[str, Callable[[], float]], *, rounds: int) -> Rounds:
    """One round to warm up, then `rounds` that count; the order turns from round to round."""
    taken: Rounds = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            spent = sides[name]()
            if number:
                taken[name].append(spent)
    return taken


def in_fresh_process(script: Path, *arguments: str, directory: Path) -> dict[str, float]:
    """Run a side in a process of its own; what it prints last is its figures, as JSON."""
    environment = {
        **os.environ,
        "HOLDALL_HOME": str(directory / "home"),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=directory,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
