"""Each reader, fed with bytes that nobody wrote, for a moment; and that the fuzzer finds what is to be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz.targets import targets

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.once


def fuzz(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own, which may crash, hang, and run out of memory."""
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "tests.fuzz"]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_readers_take_what_nobody_wrote() -> None:
    """As errors of ours, in little time and memory."""
    done = fuzz("--runs", "400", "--seed", "1")

    assert done.returncode == 0, done.stderr[-4000:]
    assert list(targets()) == [line.partition(":")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("lambda data: 1 / 0", "ZeroDivisionError"),
        ("lambda data: bytearray(8 << 30)", "MemoryError"),
        ("lambda data: __import__('ctypes').string_at(0)", "Segmentation fault"),
        ("lambda data: [0 for _ in iter(int, 1)]", "Timeout"),
    ],
)
def test_bugs_are_found(read: str, said: str) -> None:
    """Wrong errors, allocations, crashes and hangs."""
    code = (
        "import faulthandler; faulthandler.enable()\n"
        "from tests.fuzz import __main__ as fuzzer\n"
        "from tests.fuzz.targets import Target\n"
        f"fuzzer.PATIENCE = 1; fuzzer.targets = lambda: {{'bad': Target({read}, [b'seed'])}}\n"
        "fuzzer.main()\n"
    )
    done = fuzz("bad", "--runs", "1", code=code)

    assert done.returncode != 0
    assert said in done.stderr
