"""Run and payload ids: 32 hexadecimal digits, unique across machines, sorted by time."""

from __future__ import annotations

import itertools
import os
import time
from typing import Final

from holdall._system import fork

_LENGTH: Final = 32
_DIGITS: Final = frozenset("0123456789abcdef")


class _Ids:
    """48 bits of milliseconds, 48 random bits drawn once per process, 32 bits of counter from a random start.

    A uuid4 per task call would cost more than the rest of a plain call's bookkeeping.
    """

    __slots__ = ("_count", "_process")

    def __init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        self._process = os.urandom(6).hex()
        self._count = itertools.count(int.from_bytes(os.urandom(4)))

    def __call__(self) -> str:
        return f"{time.time_ns() // 1_000_000:012x}{self._process}{next(self._count) & 0xFFFFFFFF:08x}"


def shard(unique: str) -> str:
    """Returns the fan-out folder of an id, one of 256. 4,096 neighbours share one, as a new folder costs more than a file."""
    return unique[-5:-3]


def id_timestamp(unique: str) -> float | None:
    """Returns when an id was made, in seconds since the epoch; None for a text that is not an id."""
    if len(unique) != _LENGTH or not _DIGITS.issuperset(unique):
        return None
    return int(unique[:12], 16) / 1000


new_id = _Ids()
fork.register(in_child=new_id.reseed)
