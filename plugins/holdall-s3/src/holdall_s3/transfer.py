"""Large objects in pieces, several at once, and the reading of any object."""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fsspec.asyn import sync  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3fs import S3FileSystem  # type: ignore[import-untyped]

    from holdall_fsspec.faults import Guard

_PIECE: Final = 16 << 20
_TOGETHER: Final = 4
_WRITABLE: Final = 64 << 10
"""From here on a second copy would cost more than a caller gains who gets bytes."""
_FIRST_LARGER: Final = 2_000  # of the 10,000 parts that S3 takes


def piece_size(number: int, /) -> int:
    """Bytes of the part with that number, from 0. They grow: 10,000 of them hold 1 TB, and nobody knows the end yet."""
    return _PIECE if number < _FIRST_LARGER else 8 * _PIECE


def upload(
    filesystem: S3FileSystem, bucket: str, name: str, stream: Iterator[bytes], /, *, guard: Guard
) -> tuple[dict[str, Any], int]:
    """Send the pieces as one object; returns the service's answer and the size.

    Whatever goes wrong, the reading of the pieces included, the upload is aborted: nothing of it stays.
    """
    target = {"Bucket": bucket, "Key": name}
    with guard:
        begun = filesystem.call_s3("create_multipart_upload", **target)
    target["UploadId"] = begun["UploadId"]
    sent: list[Future[dict[str, Any]]] = []
    size = 0

    def send(number: int, piece: bytes) -> dict[str, Any]:
        with guard:
            answer = filesystem.call_s3("upload_part", **target, PartNumber=number, Body=piece)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    try:
        with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="holdall-s3") as pool:
            for number, piece in enumerate(stream, 1):
                _wait_for_room(sent)
                sent.append(pool.submit(send, number, piece))
                size += len(piece)
            parts = [each.result() for each in sent]
        with guard:
            answer = filesystem.call_s3("complete_multipart_upload", **target, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(Exception):  # what went wrong before is what matters
            filesystem.call_s3("abort_multipart_upload", **target)
        raise
    return answer, size


def _wait_for_room(sent: list[Future[dict[str, Any]]]) -> None:
    """At most `_TOGETHER` pieces are in memory; the first failure ends the upload."""
    running = [each for each in sent[-2 * _TOGETHER :] if not each.done()]
    for each in sent[-2 * _TOGETHER :]:
        if each.done():
            each.result()
    if len(running) >= _TOGETHER:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for each in done:
            each.result()


def download(
    filesystem: S3FileSystem,
    bucket: str,
    name: str,
    /,
    *,
    start: int = 0,
    stop: int | None = None,
    etag: str | None = None,
    attempts: int,
) -> bytes | bytearray:
    """Read an object or a part of it: bytes where it is small, else a bytearray that the pieces arrive in.

    With an `etag`, of that object only; whatever is there is never mixed from two.
    """
    reader = _Reader(filesystem, {"Bucket": bucket, "Key": name}, attempts, _match(etag))
    data: bytes | bytearray = sync(filesystem.loop, reader.read, start, stop)
    return data


class _Reader:
    """One object being read, on fsspec's event loop: the first answer says how large it is, and which one it is."""

    def __init__(
        self, filesystem: S3FileSystem, target: dict[str, str], attempts: int, condition: dict[str, str]
    ) -> None:
        self._filesystem = filesystem
        self._target = target
        self._attempts = attempts
        self._condition = condition

    async def read(self, start: int, stop: int | None) -> bytes | bytearray:
        answer = await self._ask(start, stop)
        if (start, stop) != (0, None) and answer["ResponseMetadata"]["HTTPStatusCode"] == 200:
            # A server that knows no ranges sends everything.
            async with answer["Body"] as body:
                return bytes((await body.read())[start:stop])
        length = answer["ContentLength"]
        self._condition = self._condition or _match(answer.get("ETag"))
        data = bytearray(length)
        with memoryview(data) as view:
            await self._fill_all(view, answer, start)
        return data if length >= _WRITABLE else bytes(data)

    async def _fill_all(self, view: memoryview, answer: dict[str, Any], start: int) -> None:
        room = asyncio.Semaphore(_TOGETHER)

        async def fill(offset: int) -> None:
            end = min(offset + _PIECE, len(view))
            async with room:
                # The first answer serves the first piece, so that asking how large the object is costs no request.
                await self._fill(view[offset:end], None if offset else answer, start + offset)

        tasks = [asyncio.ensure_future(fill(offset)) for offset in range(0, max(len(view), 1), _PIECE)]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _ask(self, start: int, stop: int | None) -> dict[str, Any]:
        wanted = {} if start == 0 and stop is None else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        answer: dict[str, Any] = await self._filesystem._call_s3(  # noqa: SLF001 - the awaitable twin of call_s3
            "get_object", **self._target, **wanted, **self._condition
        )
        return answer

    async def _fill(self, view: memoryview, answer: dict[str, Any] | None, start: int) -> None:
        """Fill `view` with the bytes from `start`; asks again where the connection breaks in the middle of them."""
        for attempt in range(self._attempts):
            if answer is None:
                answer = await self._ask(start, start + len(view))
            try:
                await _receive(answer["Body"], view)
            except Exception:  # whatever the transport raises for a broken stream
                if attempt + 1 == self._attempts:
                    raise
                answer = None
            else:
                break
        view.release()


async def _receive(body: Any, view: memoryview) -> None:
    filled = 0
    try:
        while filled < len(view):
            chunk = await body.read(min(len(view) - filled, 1 << 20))
            if not chunk:
                raise ConnectionError(f"the body ended after {filled} of {len(view)} bytes")
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
    finally:
        body.close()


def _match(etag: str | None) -> dict[str, str]:
    return {"IfMatch": f'"{etag.strip(chr(34))}"'} if etag else {}
