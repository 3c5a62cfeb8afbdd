"""Elapsed time that stays right if the process was stopped or the machine slept in between."""

from __future__ import annotations

import time
from typing import Final, NamedTuple, Self


class Since(NamedTuple):
    """Moment by two clocks: one may stand still while the machine sleeps, the other may be set back."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.monotonic(), time.time())

    @property
    def seconds(self) -> float:
        """Seconds that have passed, the larger number of both clocks."""
        return max(time.monotonic() - self.monotonic, time.time() - self.wall)


NEVER: Final = Since(float("-inf"), float("-inf"))
"""Moment infinitely long ago: of what has not happened."""
