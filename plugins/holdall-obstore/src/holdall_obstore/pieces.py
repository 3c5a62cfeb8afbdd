"""A caller's parts on their way to obstore: few bytes are one request, many an upload in pieces."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, Parts
    from holdall_fsspec.deadline import Deadline

_PIECE: Final = 1 << 20
"""Small parts are put together up to here: each piece costs obstore a call."""


class UploadPieces:
    """The parts, read once, as pieces of at most `chunk` bytes, copied only where they have to be.

    `small` has the whole where that is at most `chunk` bytes; reading of the rest begins with the first `next`.
    """

    def __init__(self, parts: Parts, /, *, chunk: int, deadline: Deadline) -> None:
        self.size = 0
        self.raised: BaseException | None = None
        self.small: Buffer | None = None
        self._chunk = chunk
        self._deadline = deadline
        self._listed = isinstance(parts, list | tuple)
        self._parts = iter(parts)
        self._pieces = self._started()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Buffer:
        """The next piece; what the caller's parts raise is kept in `raised`, to be told from a failure of the store."""
        self._deadline.left()
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise
        except BaseException as error:
            self.raised = error
            raise
        self.size += len(piece)
        return piece

    def _started(self) -> Iterator[Buffer]:
        only: bytes | None = None  # nothing came before it, so it need not be copied
        few = bytearray()
        for part in self._parts:
            view = memoryview(part).cast("B")
            if only is not None:
                few += only
                only = None
            if len(few) + len(view) > self._chunk:
                return self._cut(few, view)
            if isinstance(part, bytes) and not few:
                only = part
            else:
                few += view  # the caller may fill its buffer anew
        self.small = only if only is not None else few
        return iter(())

    def _cut(self, few: bytearray, view: memoryview) -> Iterator[Buffer]:
        """What was read already, and the rest: small parts put together, large ones cut."""
        for each in chain([view], (memoryview(part).cast("B") for part in self._parts)):
            if len(few) + len(each) <= _PIECE:
                few += each
                continue
            if few:
                yield few
                few = bytearray()  # what obstore has been given is not touched again
            yield from self._slices(each)
        if few:
            yield few

    def _slices(self, view: memoryview) -> Iterator[Buffer]:
        # obstore copies nothing, and sends a piece when others have been asked for: by then a generator may have filled
        # its buffer anew. The buffers of a list are nobody's to change before `put` returns.
        still = self._listed or isinstance(view.obj, bytes)
        for start in range(0, len(view), self._chunk):
            piece = view[start : start + self._chunk]
            yield piece if still else bytes(piece)
