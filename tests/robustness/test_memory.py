"""A large array goes out and comes back without a second copy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = pytest.mark.once

SIZE = 256 << 20


def test_an_array_costs_a_tenth_of_itself_at_most(program: Callable[..., subprocess.Popen[str]]) -> None:
    """Peaks of fresh processes: nothing beyond the array when it is written, and the array alone when it is read."""
    out, trouble = program("large.py", "write").communicate(timeout=600)
    assert "" == trouble
    reference, written = json.loads(out)
    out, more = program("large.py", "read", reference).communicate(timeout=600)
    assert "" == more
    _, read = json.loads(out)

    assert SIZE / 10 > written
    assert SIZE / 10 > read
