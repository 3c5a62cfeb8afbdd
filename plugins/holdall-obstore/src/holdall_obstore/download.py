"""Download of an object or a range into one buffer, by concurrent ranges of one version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall_fsspec.transfer.buffers import allocate
from holdall_obstore.errors import mapped_errors

if TYPE_CHECKING:
    from holdall.abc.progress import Arrived
    from holdall.types import Buffer
    from holdall_fsspec.transfer.deadline import Deadline
    from holdall_obstore.client import ObstoreClient

_WRITABLE: Final = 64 << 10
"""Size from which a buffer is returned as it is: a copy to bytes would cost too much."""
_PIECE: Final = 1 << 20


class DownloadOptions(NamedTuple):
    """Options of a download: ranges of `chunk` bytes, `concurrency` of them at once; above `map_above` bytes a mapped file.

    `arrived` is called with the number of bytes that arrived.
    """

    chunk: int
    concurrency: int
    map_above: int | None
    arrived: Arrived


def download(
    client: ObstoreClient,
    name: str,
    start: int,
    stop: int | None,
    etag: str | None,
    options: DownloadOptions,
    deadline: Deadline,
    /,
) -> Buffer:
    """Downloads bytes `start` to `stop`: as bytes if they are few, as a buffer that the caller may change otherwise.

    With an `etag`, of that version only. Two versions are never mixed.
    """
    end = start + options.chunk if stop is None else min(stop, start + options.chunk)
    # The first response has size and etag of the object, so that no request is needed for them.
    first = client.read(name, start, end, etag)
    size = first.meta["size"]
    length = max((size if stop is None else min(stop, size)) - start, 0)
    if length < _WRITABLE:
        with mapped_errors():
            data = bytes(first.bytes())
        check(len(data), length)
        return data
    buffer = allocate(length, options.map_above)
    version = first.meta["e_tag"] or etag

    def fill(offset: int) -> None:
        deadline.left()
        with view[offset : offset + options.chunk] as part:
            begin = start + offset
            answer = client.read(name, begin, begin + len(part), version) if offset else first
            _copy_body(answer, part, options.arrived)

    with memoryview(buffer) as view:
        if length <= options.chunk:
            fill(0)
        else:
            with ThreadPoolExecutor(options.concurrency, thread_name_prefix="holdall-obstore") as pool:
                futures = [pool.submit(fill, offset) for offset in range(0, length, options.chunk)]
                try:
                    for future in futures:
                        future.result()
                except BaseException:
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
    return buffer


def _copy_body(answer: Any, part: memoryview, arrived: Arrived) -> None:
    filled = 0
    with mapped_errors():
        for piece in answer.stream(min_chunk_size=_PIECE):
            part[filled : filled + len(piece)] = piece
            filled += len(piece)
            arrived(len(piece))
    check(filled, len(part))


def check(got: int, wanted: int, /) -> None:
    """Raises `ConnectionError` for a body that ends early."""
    if got != wanted:
        raise ConnectionError(f"the body ended after {got} of {wanted} bytes")
