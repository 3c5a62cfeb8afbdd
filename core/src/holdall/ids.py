"""Run and payload ids: 32 hexadecimal digits, unique across machines, in order of time."""

from __future__ import annotations

import itertools
import os
import time


class _Ids:
    """48 bits of milliseconds, 48 random bits drawn once per process, 32 bits of counter.

    A uuid4 per task call would cost more than the rest of a plain call's bookkeeping. Because the counter stands last,
    `id[-4:-2]` keeps 256 neighbours together: the fan-out directories are named by it.
    """

    __slots__ = ("_count", "_process")

    def __init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        self._process = os.urandom(6).hex()
        self._count = itertools.count()

    def __call__(self) -> str:
        return f"{time.time_ns() // 1_000_000:012x}{self._process}{next(self._count) & 0xFFFFFFFF:08x}"


new_id = _Ids()
if hasattr(os, "register_at_fork"):  # absent on Windows, where there is no fork either
    os.register_at_fork(after_in_child=new_id.reseed)
