"""Pieces of one size from parts of any size, for multipart uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Parts


def pieces(parts: Parts, /, *, size: Callable[[int], int]) -> Iterator[bytes]:
    """Joins and cuts parts to pieces of `size(number)` bytes, counted from 0; the last one is shorter. Yields at least one.

    One piece at a time is copied, so that a large array needs no second copy; a single part that fits into one piece, as
    that of a small result, is not copied.
    """
    number, wanted = 0, size(0)
    pending = bytearray()
    only: bytes | None = None  # nothing came before it, nothing is pending
    for part in parts:
        if only is None and number == 0 and not pending and isinstance(part, bytes) and len(part) <= wanted:
            only = part
            continue
        if only is not None:
            pending += only
            only = None
        view = memoryview(part).cast("B")
        while len(pending) + len(view) > wanted:
            room = wanted - len(pending)
            pending += view[:room]
            view = view[room:]
            yield bytes(pending)
            pending.clear()
            number += 1
            wanted = size(number)
        pending += view
    yield only if only is not None else bytes(pending)
