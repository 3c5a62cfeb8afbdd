"""Connection to the JSON API, with the session, the credentials and the endpoint of gcsfs."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import ClientTimeout
from fsspec.asyn import get_loop  # type: ignore[import-untyped]
from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]

from holdall_fsspec.transfer.retry import retry
from holdall_gcs.credentials import credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from aiohttp import ClientResponse

    from holdall.types import Buffer
    from holdall_gcs.config import GCSConfig

_SLICE: Final = 256 << 10
_OF_UPLOADS: Final = frozenset({308, 499})
"""Statuses of uploads that are no errors: Google waits for more, and the upload was cancelled as requested."""


class ResponseError(Exception):
    """Error response. `error_code` is Google's reason; for a 404 it distinguishes a missing bucket and a missing object."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(status, error_code, message)
        self.status = status
        self.error_code = error_code
        self.message = message

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.error_code}: {self.message}"


class Content(NamedTuple):
    """Body of a request. `parts()` restarts for each attempt."""

    parts: Callable[[], Iterable[Buffer]]
    size: int

    @classmethod
    def of(cls, data: bytes | IO[bytes], /) -> Self:
        """Wraps bytes, or a file that is read while it is sent."""
        if isinstance(data, bytes):
            return cls(lambda: [data], len(data))

        def read() -> Iterator[bytes]:
            data.seek(0)
            while piece := data.read(_SLICE):
                yield piece

        return cls(read, data.seek(0, 2))


class Response(NamedTuple):
    """Response that was read; `body` is its JSON, empty for errors."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Connection:
    """Sends signed requests, with retries. gcsfs's own requests hide status and reason, and read whole responses."""

    def __init__(self, config: GCSConfig) -> None:
        self.loop = get_loop()
        self._config = config
        self._stalled = config.limits.read_timeout
        self._timeout = ClientTimeout(
            total=None, sock_connect=config.limits.connect_timeout, sock_read=config.limits.read_timeout
        )
        self._billed = {"userProject": config.billed} if config.billed else {}
        self._opening = asyncio.Lock()
        self._filesystem: GCSFileSystem | None = None

    async def ask(
        self,
        method: str,
        path: str,
        /,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
    ) -> Response:
        """Sends a request to a path of the API, or to the URL of an upload, and reads the response."""

        async def once() -> Response:
            async with await self._sent(method, path, params, headers, content) as answer:
                text = await answer.read()
                body = json.loads(text) if text and answer.status < 300 else {}
                return Response(answer.status, answer.headers, body)

        return await retry(once, self._config.limits.max_attempts)

    async def opened(self, path: str, /, params: Mapping[str, str], headers: Mapping[str, str]) -> ClientResponse:
        """Sends a GET request; the caller reads and closes the response."""
        return await retry(lambda: self._sent("GET", path, params, headers, None), self._config.limits.max_attempts)

    async def close(self) -> None:
        if self._filesystem is not None:
            await self._filesystem.session.close()

    async def _sent(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        content: Content | None,
    ) -> ClientResponse:
        filesystem = await self._connected()
        of_upload = "://" in path
        url = path if of_upload else filesystem.base.removesuffix("/storage/v1/") + path
        signed = {**(headers or {})}
        if filesystem.credentials.credentials is not None:
            # In another thread, as it blocks while it refreshes credentials that are about to expire.
            await asyncio.to_thread(filesystem.credentials.apply, signed)
        async with asyncio.timeout(None) as stall:
            data: bytes | AsyncIterator[Buffer] | None = None
            if content is not None:
                signed["Content-Length"] = str(content.size)
                data = b"".join(content.parts()) if content.size <= _SLICE else self._slices(content, stall)
            answer: ClientResponse = await filesystem.session.request(
                method,
                url,
                params={**(params or {}), **({} if of_upload else self._billed)},
                headers=signed,
                data=data,
                timeout=self._timeout,
                allow_redirects=False,  # Google does not redirect
            )
            if answer.status < 300 or (of_upload and answer.status in _OF_UPLOADS):
                return answer
            async with answer:
                raise _error_of(answer.status, await answer.read(), path)

    async def _slices(self, content: Content, stall: asyncio.Timeout) -> AsyncIterator[Buffer]:
        """Yields the content in small pieces, with a timeout for each: aiohttp's own are for reading only."""
        with suppress(RuntimeError):  # the response arrived before the last byte was sent
            for part in content.parts():
                view = memoryview(part)
                for start in range(0, len(view), _SLICE):
                    stall.reschedule(self.loop.time() + self._stalled)
                    yield view[start : start + _SLICE]
            stall.reschedule(None)

    async def _connected(self) -> GCSFileSystem:
        async with self._opening:
            if self._filesystem is None:
                # The class of `gcsfs.core`: `gcsfs.GCSFileSystem` may be one that requests the kind of each bucket first,
                # by a protocol that emulators do not have, and hangs.
                filesystem = GCSFileSystem(
                    endpoint_url=self._config.endpoint_url,
                    token="anon",  # noqa: S106 - not a secret; the credentials are set below
                    skip_instance_cache=True,
                    use_listings_cache=False,
                    session_kwargs={"read_bufsize": 4 * _SLICE},
                )
                filesystem.credentials.credentials = await asyncio.to_thread(credentials, self._config, filesystem.base)
                filesystem.session_kwargs["proxy"] = _proxy(filesystem.base)
                await filesystem._set_session()  # noqa: SLF001 - as each of its own requests does
                self._filesystem = filesystem
        return self._filesystem


def _proxy(url: str) -> str | None:
    """Returns the environment's proxy for the URL; aiohttp would read the environment and ~/.netrc for each request."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _error_of(status: int, body: bytes, path: str) -> ResponseError:
    code, message = "", body.decode(errors="replace")[:500]
    with suppress(ValueError, LookupError, TypeError, AttributeError):  # a page of a proxy, or plain text
        error = json.loads(body)["error"]
        message = str(error["message"])
        code = str(error["errors"][0]["reason"])
    if status == 404:
        # Both have the same reason; only the message differs. If it is unknown, the block requests the bucket.
        if message.startswith("The specified bucket does not exist") or path.startswith("/upload/"):
            code = "NoSuchBucket"  # an upload needs nothing else
        elif message.startswith("No such object"):
            code = "NoSuchKey"
    return ResponseError(status, code, message)
