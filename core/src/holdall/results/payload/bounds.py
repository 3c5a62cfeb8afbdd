"""Bounds on the memory of a read: what the record declares, if the setting or the free memory allow it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from holdall.errors import UntrustedResultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Trust

UNDECLARED: Final = 1 << 30
"""Bytes that a record without a declaration may decode to, if no setting says otherwise and memory is free."""
_GROWTH: Final = 64
"""Times its stored size, if that is more than `UNDECLARED`."""
_SMALL: Final = 64 << 20
"""Bytes that are allowed without a look at the free memory, which costs more than reading a small result."""
_MEMINFO: Final = "/proc/meminfo"
_GROUPS: Final = "/proc/self/cgroup"
_LIMITS: Final = "/sys/fs/cgroup"


def bounded(
    trust: Trust, *, stored: int, declared: int | None, expands: bool, limit: int | None, partly: bool = False
) -> Trust:
    """Returns the trust of a read of `stored` bytes, with its bound.

    `declared` is what the record says that they make, `expands` whether the serializer may make many of few, and
    `limit` the setting. `partly` says that some of it is read: then what all of it needs is no reason to refuse.

    Raises:
        UntrustedResultError: it declares more than may be used here.
    """
    if declared is None and not expands and limit is None:
        return trust
    if limit is not None:
        _refuse(max(stored, declared or 0), limit, f"{limit:,} are allowed", partly=partly)
        return replace(trust, max_bytes=limit if declared is None else min(declared, limit))
    if declared is not None and declared <= _SMALL:
        return replace(trust, max_bytes=declared)
    free = free_memory()
    if declared is None:
        allowed = max(UNDECLARED, _GROWTH * stored)
        return replace(trust, max_bytes=allowed if free is None else min(allowed, free))
    if free is None:
        return replace(trust, max_bytes=declared)
    _refuse(declared, free, f"{free:,} bytes of memory are free", partly=partly)
    return replace(trust, max_bytes=min(declared, free))


def _refuse(needed: int, bound: int, reason: str, *, partly: bool) -> None:
    if needed > bound and not partly:
        raise UntrustedResultError(
            f"Its record declares {needed:,} bytes, and {reason} here. Nothing was read. If you trust whoever wrote it, set "
            f"HOLDALL_RESULTS_MAX_BYTES (results.max_bytes) to {needed} or more."
        )


def told_of(trust: Trust, declared: int | None, /) -> str:
    """Returns the source of a bound and what to do, for the message of a read that exceeds it."""
    if declared is not None and declared == trust.max_bytes:
        return (
            f" Its record declares {declared:,} bytes in all: one of them is damaged or forged. Restore it from a copy, or "
            "delete the result so that it is computed again."
        )
    said = "none" if declared is None else f"{declared:,} bytes"
    return (
        f" Its record declares {said}, and {trust.max_bytes:,} are allowed here. If you trust whoever wrote it, set "
        "HOLDALL_RESULTS_MAX_BYTES (results.max_bytes) to more."
    )


def free_memory() -> int | None:
    """Returns the bytes that this process can still use, or None if the system does not say."""
    known = [each for each in (_of_the_system(), *_of_control_groups()) if each is not None]
    return min(known, default=None)


def _of_the_system() -> int | None:
    try:
        with open(_MEMINFO, encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        try:
            return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, OSError, ValueError):
            continue
    return None


def _of_control_groups() -> Iterator[int]:
    """Yields what is left of the limits of this process's control groups and their parents, in either version."""
    try:
        with open(_GROUPS, encoding="utf-8") as lines:
            groups = [line.rstrip("\n").split(":", 2) for line in lines]
    except (OSError, ValueError):
        return
    for group in groups:
        if len(group) != 3:
            continue
        number, controllers, path = group
        if number == "0" and not controllers:
            base, names = _LIMITS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, names = f"{_LIMITS}/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        # In a container the path may be that of the host: only its beginning, the root, is there then.
        for depth in range(len(parts), -1, -1):
            if (left := _left(os.path.join(base, *parts[:depth]), *names)) is not None:
                yield left


def _left(folder: str, limit: str, used: str, cached: str) -> int | None:
    try:
        with open(os.path.join(folder, limit), encoding="ascii") as file:
            most = int(file.read())  # "max", where there is none
        with open(os.path.join(folder, used), encoding="ascii") as file:
            now = int(file.read())
        with open(os.path.join(folder, "memory.stat"), encoding="ascii") as lines:
            given_back = sum(int(line.split()[1]) for line in lines if line.split()[0] == cached)
    except (OSError, ValueError, IndexError):
        return None
    return max(most - now + given_back, 0)
