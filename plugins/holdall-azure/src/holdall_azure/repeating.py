"""How often one request is sent: more often than once where that may help, and never for a refusal."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import AsyncHTTPPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.core.pipeline import PipelineRequest, PipelineResponse

_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})
_FOR_ANOTHER: Final = ("hosts", "location_mode", "retry_to_secondary")
"""Options that are put there for the policy that this one stands in for."""
_SLICE: Final = 256 << 10
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 20.0


class Repeating(AsyncHTTPPolicy[Any, Any]):
    """In place of the storage client's own policy, which waits 15 s before it asks again and does so for no 429.

    An answer says in `retries` how often its request had been sent before. Bodies are those of `body`: nothing is rewound.
    """

    def __init__(self, attempts: int) -> None:
        super().__init__()
        self._attempts = attempts

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        for name in _FOR_ANOTHER:
            request.context.options.pop(name, None)
        attempt = 0
        while True:
            last = attempt + 1 >= self._attempts
            try:
                answer = await self.next.send(request)
            except (ServiceRequestError, ServiceResponseError) as error:
                if "sig=" in str(error):  # a URL with a signature in it
                    raise type(error)("an answer that was none, to a signed URL") from None
                if last:
                    raise
            else:
                answer.http_response.retries = attempt
                answer.http_response.location_mode = "primary"
                if last or answer.http_response.status_code not in _TRANSIENT:
                    return answer
                answer.http_response.internal_response.close()
            await asyncio.sleep(random.uniform(0, min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)))  # noqa: S311 - it spreads load
            attempt += 1


def body(data: bytes, /) -> Any:
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
