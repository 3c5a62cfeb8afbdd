"""Bombs of each format, well sealed: a reader's memory does not grow beyond what it allows, whatever the record says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.once

MIB = 1 << 20
SIZE = 96 * MIB
"""What each bomb would make at least."""
BOUND = 32 * MIB
"""A third of that: the declared megabyte, what is read ahead of it, and what libraries set up for themselves."""
NEVER_READ = {"shared_beginnings", "arrow_prefix", "npy_shape", "npz_deflated", "bundle_deflated"}
"""No writer of ours makes such a file, whatever it declares."""
LYING = {"bundle_that_declares"}
"""Leaves that declare less than they make."""


@pytest.fixture
def read(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, str], dict[str, tuple[str, str, int]]]:
    """Seal all bombs with what they declare, and read them in a process of its own, under a setting."""

    def both(declared: int, setting: str) -> dict[str, tuple[str, str, int]]:
        out, trouble = program("bombs.py", "make", tmp_path / "store", declared).communicate(timeout=600)
        assert ("", "") == (out, trouble)
        monkeypatch.setenv("HOLDALL_RESULTS_MAX_BYTES", setting)
        out, trouble = program("bombs.py", "read", tmp_path / "store").communicate(timeout=600)
        assert "" == trouble
        found: dict[str, tuple[str, str, int]] = json.loads(out)
        return found

    return both


@pytest.mark.parametrize(
    ("declared", "setting", "said"), [(MIB, "4GiB", "declares 1,048,576 bytes"), (0, "2MiB", "declares none")]
)
def test_no_bomb_goes_off(
    read: Callable[[int, str], dict[str, tuple[str, str, int]]], declared: int, setting: str, said: str
) -> None:
    """Neither where the record lies about its size, nor where it says none and the setting holds."""
    found = read(declared, setting)

    assert {} == {name: grown for name, (_, _, grown) in found.items() if grown > BOUND}
    assert {"CorruptResultError", "OutgrownError"} == {outcome for outcome, _, _ in found.values()}
    assert NEVER_READ - {"arrow_prefix"} == {name for name, (_, message, _) in found.items() if said not in message}


def test_the_same_bytes_are_read_where_they_are_declared(
    read: Callable[[int, str], dict[str, tuple[str, str, int]]],
) -> None:
    """They are honest results then, of few bytes and much content."""
    found = read(2048 * MIB, "4GiB")

    assert NEVER_READ | LYING == {name for name, (_, message, _) in found.items() if message}
    assert SIZE < found["gzipped"][2]
