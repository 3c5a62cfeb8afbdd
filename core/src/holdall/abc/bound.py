"""The bound of a read: how many bytes it may make of the stored ones (`Trust.max_bytes`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from holdall.types import Trust


class OutgrownError(CorruptResultError):
    """Stored bytes make more of themselves than the bound of the read allows; the reader adds where that comes from."""


def within(trust: Trust, made: int, /) -> Trust:
    """What is left of the bound for the next layer, after `made` bytes; ask before they are made where that is known.

    Raises:
        OutgrownError: they are more than the bound.
    """
    if trust.max_bytes is None:
        return trust
    if made > trust.max_bytes:
        raise OutgrownError(f"The stored bytes make {made:,} bytes or more, and {trust.max_bytes:,} is the bound here.")
    return replace(trust, max_bytes=trust.max_bytes - made)
