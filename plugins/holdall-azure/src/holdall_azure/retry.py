"""How often one request is sent: more often than once where that may help, and never for a refusal."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport

from holdall_fsspec.errors import TRANSIENT_STATUS
from holdall_fsspec.retry import retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.core.pipeline import PipelineRequest, PipelineResponse

_FOR_ANOTHER: Final = ("hosts", "location_mode", "retry_to_secondary")
"""Options that are put there for the policy that this one stands in for."""
_SLICE: Final = 256 << 10


class RetryPolicy(AsyncHTTPPolicy[Any, Any]):
    """In place of the storage client's own policy, which waits 15 s before it asks again and does so for no 429.

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
                if "sig=" in str(error):  # a URL with a signature in it
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
    """Sends each request once: aiohttp repeats a PUT in silence where a connection of its pool breaks.

    Whoever asked would not know that the object in the way of a conditional write may be its own.
    """

    async def open(self) -> None:
        await super().open()
        self.session._retry_connection = False  # noqa: SLF001 - aiohttp has no other way to say it


def repeatable_body(data: bytes, /) -> Any:
    """What may be sent as often as it takes.

    In slices where it is large: a connection copies what it cannot send at once, and aiohttp warns of large bytes.
    """
    return data if len(data) <= _SLICE else _Sliced(data)


class _Sliced:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        view = memoryview(self._data)
        for start in range(0, len(view), _SLICE):
            yield view[start : start + _SLICE]
