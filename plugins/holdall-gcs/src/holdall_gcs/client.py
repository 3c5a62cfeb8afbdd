"""Client of Google Cloud Storage: requests of the JSON API for objects and listings."""

from __future__ import annotations

import json
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from holdall_fsspec import Body, ObjectClient, ObjectInfo
from holdall_gcs.connection import Connection, Content, ResponseError
from holdall_gcs.upload import ResumableUpload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse

    from holdall.types import Buffer
    from holdall_fsspec import Upload
    from holdall_gcs.config import GCSConfig

_FIELDS: Final = "name,size,generation,timeCreated"
_BYTES: Final = "application/octet-stream"


class GCSClient(ObjectClient):
    """Client of one bucket. An object's etag is its generation, which is unique for each write."""

    def __init__(self, config: GCSConfig) -> None:
        self._connection = Connection(config)
        self._objects = f"/storage/v1/b/{quote(config.bucket)}/o"
        self._pieces_at_once = max(config.limits.concurrency // 2, 1)
        self.loop = self._connection.loop

    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        content = Content.of(data)
        if create:
            params, headers, content = _conditional_write(name, content)
        else:
            params, headers = {"uploadType": "media", "name": name}, {"Content-Type": _BYTES}
        answer = await self._connection.ask("POST", f"/upload{self._objects}", params, headers=headers, content=content)
        return _generation(answer.body)

    async def begin(self, name: str, /, *, create: bool) -> Upload:
        del create  # Google supports a condition here as well; emulators do not
        params = {"uploadType": "resumable", "name": name}
        headers = {"X-Upload-Content-Type": _BYTES}
        answer = await self._connection.ask("POST", f"/upload{self._objects}", params, headers=headers)
        return ResumableUpload(self._connection, answer.headers["Location"], self._object(name), self._pieces_at_once)

    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        params = {"alt": "media", **({"ifGenerationMatch": etag} if etag else {})}
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        answer = await self._connection.opened(f"/download{self._object(name)}", params, headers)
        generation = answer.headers.get("X-Goog-Generation")
        if generation is None:
            answer.close()
            raise ConnectionError(
                "what answered is not Google Cloud Storage"
            )  # a login page of the network, for example
        if etag and generation != etag:  # emulators ignore the condition
            answer.close()
            raise ResponseError(412, "conditionNotMet", f"generation {generation} is there, and not {etag}")
        return _GCSBody(answer, start, generation)

    async def head(self, name: str, /) -> ObjectInfo:
        return _info((await self._connection.ask("GET", self._object(name), {"fields": _FIELDS})).body)

    async def remove(self, name: str, /) -> None:
        await self._connection.ask("DELETE", self._object(name))

    async def remove_unchanged(self, name: str, etag: str | None, /) -> None:
        await self._connection.ask("DELETE", self._object(name), {"ifGenerationMatch": etag} if etag else None)

    async def pages(self, prefix: str, /) -> AsyncIterator[list[ObjectInfo]]:
        params = {"prefix": prefix, "fields": f"items({_FIELDS}),nextPageToken"}
        while True:
            page = (await self._connection.ask("GET", self._objects, params)).body
            yield [_info(item) for item in page.get("items", ())]
            if not page.get("nextPageToken"):
                return
            params["pageToken"] = page["nextPageToken"]

    async def copy(self, source: str, target: str, /) -> None:
        path = f"{self._object(source)}/rewriteTo{self._object(target).removeprefix('/storage/v1')}"
        params: dict[str, str] = {}
        while True:
            answer = (await self._connection.ask("POST", path, params)).body
            if answer["done"]:
                return
            params["rewriteToken"] = answer["rewriteToken"]

    async def probe(self) -> None:
        # A listing of its objects: whoever may write and list them may not always read the bucket itself.
        await self._connection.ask("GET", self._objects, {"maxResults": "1", "fields": "nextPageToken"})

    async def close(self) -> None:
        await self._connection.close()

    def _object(self, name: str) -> str:
        return f"{self._objects}/{quote(name, safe='')}"


class _GCSBody(Body):
    def __init__(self, answer: ClientResponse, start: int, etag: str) -> None:
        self._answer = answer
        self.length = int(answer.headers["Content-Length"])
        self.etag = etag
        ranged = answer.headers.get("Content-Range")  # bytes 0-9/100; absent if the server ignores ranges
        self.start = start if ranged else 0
        self.size = int(ranged.rpartition("/")[2]) if ranged else self.length

    async def read(self, limit: int, /) -> Buffer:
        return await self._answer.content.read(limit)

    def close(self) -> None:
        self._answer.close()


def _conditional_write(name: str, content: Content) -> tuple[dict[str, str], dict[str, str], Content]:
    """Builds a multipart request with a condition that no object exists: emulators support it only in this form."""
    boundary = f"holdall-{uuid4().hex}"
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps({'name': name})}\r\n"
        f"--{boundary}\r\nContent-Type: {_BYTES}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    whole = Content(lambda: [head, *content.parts(), tail], len(head) + content.size + len(tail))
    headers = {"Content-Type": f'multipart/related; boundary="{boundary}"'}
    return {"uploadType": "multipart", "ifGenerationMatch": "0"}, headers, whole


def _info(item: dict[str, Any]) -> ObjectInfo:
    modified = datetime.fromisoformat(item["timeCreated"]).timestamp()
    return ObjectInfo(item["name"], int(item["size"]), _generation(item), modified)


def _generation(item: dict[str, Any]) -> str | None:
    generation: str | None = item.get("generation")
    return generation
