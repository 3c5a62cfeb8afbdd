"""Names, keys, refresh, delete, copy, move, push, gc and stopped writers, against a model: for a moment here, for long by hand.

`TEST_LIFETIMES=2000 pytest tests/lifetime` runs so many programs of steps instead of the few that the suite does.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from tests.lifetime.machine import Lifetimes

_PROGRAMS = int(os.environ.get("TEST_LIFETIMES", "25"))

pytestmark = pytest.mark.once

TestLifetimes = Lifetimes.TestCase
TestLifetimes.settings = settings(
    max_examples=_PROGRAMS,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
