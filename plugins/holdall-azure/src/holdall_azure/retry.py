"""Retry policy and transport of Azure requests."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport

from holdall_fsspec.errors import TRANSIENT_STATUS
from holdall_fsspec.transfer.retry import retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.core.pipeline import PipelineRequest, PipelineResponse

_FOR_ANOTHER: Final = ("hosts", "location_mode", "retry_to_secondary")
"""Options for the policy that this one replaces."""
_SLICE: Final = 256 << 10


class RetryPolicy(AsyncHTTPPolicy[Any, Any]):
    """Retry policy in place of the storage client's own, which waits 15 s and does not retry a 429.

    The attribute `retries` of a response counts the earlier attempts. Bodies come from `repeatable_body`: nothing is rewound.
    """

    def __init__(self, attempts: int) -> None:
        super().__init__()
        self._attempts = attempts

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        for name in _FOR_ANOTHER:
            request.context.options.pop(name, None)
        times = count()

        async def once() -> PipelineResponse[Any, Any]:
            before = next(times)
            try:
                answer = await self.next.send(request)
            except (ServiceRequestError, ServiceResponseError) as error:
                if "sig=" in str(error):  # a signed URL, whose text is a secret
                    raise type(error)("an answer that was none, to a signed URL") from None
                raise
            answer.http_response.retries = before
            answer.http_response.location_mode = "primary"
            if answer.http_response.status_code in TRANSIENT_STATUS:
                answer.http_response.internal_response.close()
                raise HttpResponseError(response=answer.http_response)
            return answer

        return await retry(once, self._attempts)


class SingleSendTransport(AioHttpTransport):  # type: ignore[misc]
    """Transport that sends each request once.

    aiohttp silently repeats a PUT if a pooled connection breaks. The caller would not know that the object that a
    conditional write conflicts with may be its own.
    """

    async def open(self) -> None:
        await super().open()
        self.session._retry_connection = False  # noqa: SLF001 - aiohttp has no other option for it


def repeatable_body(data: bytes, /) -> Any:
    """Returns a request body that can be sent several times.

    A large one is sent in slices: a connection copies bytes that it cannot send at once, and aiohttp warns of large ones.
    """
    return data if len(data) <= _SLICE else _Sliced(data)


class _Sliced:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        view = memoryview(self._data)
        for start in range(0, len(view), _SLICE):
            yield view[start : start + _SLICE]
