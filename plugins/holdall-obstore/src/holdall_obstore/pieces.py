"""Pieces of an upload: few bytes are one request, many an upload in parts."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, Parts
    from holdall_fsspec.transfer.deadline import Deadline

_PIECE: Final = 1 << 20
"""Size up to which small parts are joined: each piece costs a call of obstore."""


class UploadPieces:
    """Parts as pieces of at most `chunk` bytes, read once, and copied only if necessary.

    `small` has all bytes if they are at most `chunk`; otherwise the first `next` begins to read the rest.
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
        """Returns the next piece. An exception of the caller's parts is stored in `raised`, to tell it from a store's."""
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
        only: bytes | None = None  # a single part, which need not be copied
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
                few += view  # copied, as the caller may reuse its buffer
        self.small = only if only is not None else few
        return iter(())

    def _cut(self, few: bytearray, view: memoryview) -> Iterator[Buffer]:
        """Yields the bytes that were read already, and the rest: small parts joined, large ones cut."""
        for each in chain([view], (memoryview(part).cast("B") for part in self._parts)):
            if len(few) + len(each) <= _PIECE:
                few += each
                continue
            if few:
                yield few
                few = bytearray()  # a buffer that obstore has is not changed
            yield from self._slices(each)
        if few:
            yield few

    def _slices(self, view: memoryview) -> Iterator[Buffer]:
        # obstore does not copy, and sends a piece after the next ones are read: by then a generator may have reused its
        # buffer. Those of a list do not change before `put` returns.
        is_stable = self._listed or isinstance(view.obj, bytes)
        for start in range(0, len(view), self._chunk):
            piece = view[start : start + self._chunk]
            yield piece if is_stable else bytes(piece)
