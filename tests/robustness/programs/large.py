"""Writes and reads an array through the default path; prints by how much memory grew beyond the array, in bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from holdall import task
from holdall.results import from_json

MIB = 1 << 20


def peak() -> int:
    """The most that this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def reset() -> None:
    """Count from here."""
    Path("/proc/self/clear_refs").write_text("5")


what = sys.argv[1]
size = 256 * MIB
keep = task(persist_result=True, return_state=True)
keep(lambda: np.zeros(8192))()  # everything imported and opened
if what == "write":
    array = np.full(size // 8, 1.5)
    store = keep(lambda: array)
    reset()
    before = peak()
    reference = store().reference.json()  # type: ignore[attr-defined]
    print(json.dumps([reference, peak() - before]))
else:
    from_json(keep(lambda: np.ones(65536))().reference.json()).get()  # type: ignore[attr-defined]
    reset()
    before = peak()
    found = from_json(sys.argv[2]).get()
    assert found.flags.writeable
    assert found[-1] == 1.5
    print(json.dumps([None, peak() - before - size]))
