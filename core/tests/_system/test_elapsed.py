"""How long ago something was, by two clocks."""

from __future__ import annotations

import time

import pytest

from holdall._system.elapsed import NEVER, Since


@pytest.mark.parametrize(("monotonic", "wall"), [(5.0, 5.0), (5.0, 0.0), (5.0, -3600.0), (0.0, 5.0)])
def test_the_clock_that_went_on_counts(monkeypatch: pytest.MonkeyPatch, monotonic: float, wall: float) -> None:
    """One stands still while the machine sleeps, the other may be set back."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    since = Since.now()

    assert since.seconds == 0
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + monotonic)
    monkeypatch.setattr(time, "time", lambda: 1e9 + wall)
    assert since.seconds == 5


def test_what_has_never_been_is_long_ago() -> None:
    """Longer than anything."""
    assert NEVER.seconds == float("inf")
