"""What a call adds to the memory of this process."""

from __future__ import annotations

from pathlib import Path


def touch(size: int, /) -> None:
    # Memory that the host took back is slow when it is first touched: have twice the size at hand.
    bytearray(2 * size)[::4096] = b"1" * -(-2 * size // 4096)


def peak() -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


def reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak()
