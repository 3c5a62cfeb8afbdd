"""Reader of one object of an fsspec filesystem: in one request if it is small, in concurrent ranges otherwise."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from holdall.types import ByteRange
from holdall_fsspec.errors import BackendError, Guard
from holdall_fsspec.transfer.buffers import allocate
from holdall_fsspec.transfer.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from holdall.types import Buffer
    from holdall_fsspec.filesystems.adapters import FileServer


_SFTP_READ: Final = 32 << 10  # the most that every SFTP server returns in one response


class ObjectReader:
    """Reader of the object of one key; raises only `StorageError`s."""

    def __init__(self, adapter: FileServer, key: str, guard: Guard) -> None:
        self._adapter = adapter
        self._config = adapter.config
        self._key = key
        self._guard = guard
        self._deadline = Deadline(adapter.config.limits.timeout)
        self._ignores_ranges = adapter.ignores_ranges

    def read(self, wanted: ByteRange | None, /) -> Buffer:
        """Reads a range of one version of the object; shorter if the object ends before the range."""
        limit = self._config.chunk_size
        begin, stop = wanted or ByteRange(0)
        if stop is not None and stop - begin <= limit:
            return self._read_once(begin, stop)
        before = self._adapter.head(self._key, self._guard)
        if begin > before.size:
            raise self._range_error(begin, before.size)
        stop = before.size if stop is None else min(stop, before.size)
        if stop - begin <= limit:
            return self._read_once(begin, stop if wanted else None)
        if not self._adapter.by_request:
            return self._read_file(begin, stop)
        data = self._read_ranges(begin, stop, before.size)
        if self._adapter.head(self._key, self._guard) != before:
            raise self._replaced_error()
        return data

    def stream(self, chunk: int, /) -> Iterator[Buffer]:
        """Reads the object in chunks, all of one version."""
        before = self._adapter.head(self._key, self._guard)
        if not self._adapter.by_request:
            yield from self._file_pieces(0, before.size, chunk)
            return
        for begin in range(0, before.size, chunk):
            piece = self._read_once(begin, min(begin + chunk, before.size))
            if self._adapter.head(self._key, self._guard) != before:
                raise self._replaced_error()
            yield piece

    def _read_file(self, begin: int, stop: int) -> Buffer:
        data = allocate(stop - begin, self._config.map_above)
        filled = 0
        with memoryview(data) as view:
            for piece in self._file_pieces(begin, stop, self._config.chunk_size):
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
        return data

    def _file_pieces(self, begin: int, stop: int, chunk: int) -> Iterator[bytes]:
        """Yields pieces of a range from a file that stays open."""
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
                    raise self._replaced_error()
                yield piece

    def _replaced_error(self) -> Exception:
        return self._guard.failed("the object was replaced while it was read. Read it again.", transient=True)

    def _read_once(self, begin: int, stop: int | None) -> bytes:
        data = self._fetch(begin, stop) if stop is None or stop > begin else b""
        if self._ignores_ranges and begin and data:
            # A server that ignores ranges returns the whole object, and fsspec does not report that.
            size = self._adapter.head(self._key, self._guard).size
            if begin > size:
                raise self._range_error(begin, size)
            return data[begin:stop] if len(data) == size else data
        if not data and begin > (size := self._adapter.head(self._key, self._guard).size):
            raise self._range_error(begin, size)
        return data if stop is None else data[: stop - begin]

    def _read_ranges(self, begin: int, stop: int, size: int) -> Buffer:
        step = self._config.chunk_size
        data = allocate(stop - begin, self._config.map_above)
        with memoryview(data) as view:

            def fetch(start: int) -> bytes | None:
                end = min(start + step, stop)
                piece = self._fetch(start, end)
                if len(piece) == size:  # the whole object, as above
                    return piece
                if len(piece) != end - start:
                    raise self._replaced_error()
                view[start - begin : end - begin] = piece
                return None

            starts = range(begin, stop, step)
            if self._ignores_ranges:
                if (whole := fetch(begin)) is not None:
                    view[:] = whole[begin:stop]
                    return data
                starts = starts[1:]
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(self._config.limits.concurrency) as pool:
                list(pool.map(fetch, starts))
        return data

    def _fetch(self, begin: int, stop: int | None) -> bytes:
        bounds = {} if begin == 0 and stop is None else {"start": begin, "end": stop}

        def cat(filesystem: Any) -> bytes:
            self._deadline.left()
            data: bytes = filesystem.cat_file(self._adapter.path_of(filesystem, self._key), **bounds)
            return data

        try:
            return self._adapter.request(cat)
        except Exception as error:
            if begin and BackendError.of(error).status == 416:
                return b""
            if self._adapter.has_folders:
                self._adapter.head(self._key, self._guard)  # raises KeyMissing for a folder
            raise self._adapter.unread(self._guard, error) from error

    def _range_error(self, begin: int, size: int) -> Exception:
        return self._guard.failed(f"the range starts at {begin}, past the end of the object at {size}.")


def _from_file(file: Any, start: int, end: int) -> bytes:
    if hasattr(file, "readv"):  # paramiko waits for each request otherwise, and its prefetch has no bound in memory
        offsets = range(start, end, _SFTP_READ)
        return b"".join(file.readv([(offset, min(_SFTP_READ, end - offset)) for offset in offsets]))
    file.seek(start)
    data: bytes = file.read(end - start)
    return data
