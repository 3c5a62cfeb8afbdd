"""Size bound of a read: how many bytes it may make of the stored ones (`Trust.max_bytes`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from holdall.types import Trust


class OutgrownError(CorruptResultError):
    """Stored bytes decode to more than the bound of the read; the reader adds which setting the bound comes from."""


def within(trust: Trust, made: int, /) -> Trust:
    """Returns the trust with what is left of the bound after `made` bytes; to be called before they are made, if possible.

    Raises:
        OutgrownError: they are more than the bound.
    """
    if trust.max_bytes is None:
        return trust
    if made > trust.max_bytes:
        raise OutgrownError(f"The stored bytes make {made:,} bytes or more, and {trust.max_bytes:,} is the bound here.")
    return replace(trust, max_bytes=trust.max_bytes - made)
