"""One object of an fsspec filesystem, or a part of it: at once where it is small, else in pieces, several at a time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from holdall.types import ByteRange
from holdall_fsspec.buffers import allocate
from holdall_fsspec.deadline import Deadline
from holdall_fsspec.errors import BackendError, Guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from holdall.types import Buffer
    from holdall_fsspec.adapters import FileServer


_SFTP_READ: Final = 32 << 10  # what every server of SFTP answers in one piece


class ObjectReader:
    """Reads the object of one key; every error leaves it as a `StorageError`."""

    def __init__(self, adapter: FileServer, key: str, guard: Guard) -> None:
        self._adapter = adapter
        self._config = adapter.config
        self._key = key
        self._guard = guard
        self._deadline = Deadline(adapter.config.limits.timeout)
        self._may_know_no_ranges = adapter.ignores_ranges

    def read(self, wanted: ByteRange | None, /) -> Buffer:
        """The bytes, all of one object; fewer where it ends before the range does."""
        limit = self._config.chunk_size
        begin, stop = wanted or ByteRange(0)
        if stop is not None and stop - begin <= limit:
            return self._at_once(begin, stop)
        before = self._adapter.head(self._key, self._guard)
        if begin > before.size:
            raise self._past(begin, before.size)
        stop = before.size if stop is None else min(stop, before.size)
        if stop - begin <= limit:
            return self._at_once(begin, stop if wanted else None)
        if not self._adapter.by_request:
            return self._through(begin, stop)
        data = self._in_pieces(begin, stop, before.size)
        if self._adapter.head(self._key, self._guard) != before:
            raise self._replaced()
        return data

    def stream(self, chunk: int, /) -> Iterator[Buffer]:
        """The same piece by piece, none of it of another object than the first."""
        before = self._adapter.head(self._key, self._guard)
        if not self._adapter.by_request:
            yield from self._opened(0, before.size, chunk)
            return
        for begin in range(0, before.size, chunk):
            piece = self._at_once(begin, min(begin + chunk, before.size))
            if self._adapter.head(self._key, self._guard) != before:
                raise self._replaced()
            yield piece

    def _through(self, begin: int, stop: int) -> Buffer:
        data = allocate(stop - begin, self._config.map_above)
        filled = 0
        with memoryview(data) as view:
            for piece in self._opened(begin, stop, self._config.chunk_size):
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
        return data

    def _opened(self, begin: int, stop: int, chunk: int) -> Iterator[bytes]:
        """From a file that stays open."""
        with ExitStack() as stack:
            with self._guard:
                filesystem = stack.enter_context(self._adapter.lent())
                file = stack.enter_context(filesystem.open(self._adapter.path_of(filesystem, self._key), "rb"))
            for start in range(begin, stop, chunk):
                end = min(start + chunk, stop)
                with self._guard:
                    self._deadline.left()
                    piece = _from_file(file, start, end)
                if len(piece) != end - start:
                    raise self._replaced()
                yield piece

    def _replaced(self) -> Exception:
        return self._guard.failed("the object was replaced while it was read. Read it again.", transient=True)

    def _at_once(self, begin: int, stop: int | None) -> bytes:
        data = self._piece(begin, stop) if stop is None or stop > begin else b""
        if self._may_know_no_ranges and begin and data:
            # What came may be the whole, from a server that knows no ranges, and fsspec does not say so.
            size = self._adapter.head(self._key, self._guard).size
            if begin > size:
                raise self._past(begin, size)
            return data[begin:stop] if len(data) == size else data
        if not data and begin > (size := self._adapter.head(self._key, self._guard).size):
            raise self._past(begin, size)
        return data if stop is None else data[: stop - begin]

    def _in_pieces(self, begin: int, stop: int, size: int) -> Buffer:
        step = self._config.chunk_size
        data = allocate(stop - begin, self._config.map_above)
        with memoryview(data) as view:

            def fetch(start: int) -> bytes | None:
                end = min(start + step, stop)
                piece = self._piece(start, end)
                if len(piece) == size:  # the whole, as above
                    return piece
                if len(piece) != end - start:
                    raise self._replaced()
                view[start - begin : end - begin] = piece
                return None

            starts = range(begin, stop, step)
            if self._may_know_no_ranges:
                if (whole := fetch(begin)) is not None:
                    view[:] = whole[begin:stop]
                    return data
                starts = starts[1:]
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(self._config.limits.concurrency) as pool:
                list(pool.map(fetch, starts))
        return data

    def _piece(self, begin: int, stop: int | None) -> bytes:
        bounds = {} if begin == 0 and stop is None else {"start": begin, "end": stop}

        def cat(filesystem: Any) -> bytes:
            self._deadline.left()
            data: bytes = filesystem.cat_file(self._adapter.path_of(filesystem, self._key), **bounds)
            return data

        try:
            return self._adapter.ask(cat)
        except Exception as error:
            if begin and BackendError.of(error).status == 416:
                return b""
            if self._adapter.has_folders:
                self._adapter.head(self._key, self._guard)  # which says KeyMissing of a folder
            raise self._adapter.unread(self._guard, error) from error

    def _past(self, begin: int, size: int) -> Exception:
        return self._guard.failed(f"the range starts at {begin}, past the end of the object at {size}.")


def _from_file(file: Any, start: int, end: int) -> bytes:
    if hasattr(file, "readv"):  # paramiko waits for each request otherwise, and its prefetch has no bound in memory
        offsets = range(start, end, _SFTP_READ)
        return b"".join(file.readv([(offset, min(_SFTP_READ, end - offset)) for offset in offsets]))
    file.seek(start)
    data: bytes = file.read(end - start)
    return data
