"""How long ago something was, also where the process was stopped or the machine slept in between."""

from __future__ import annotations

import time
from typing import Final, NamedTuple, Self


class Since(NamedTuple):
    """A moment by two clocks: one may stand still while the machine sleeps, the other be set back."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.monotonic(), time.time())

    @property
    def seconds(self) -> float:
        """As many as either clock says, which is rather too many than too few."""
        return max(time.monotonic() - self.monotonic, time.time() - self.wall)


NEVER: Final = Since(float("-inf"), float("-inf"))
"""What has not been, or is not to count: infinitely long ago."""
