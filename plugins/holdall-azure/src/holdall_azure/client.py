"""Client of an Azure container, through the service client of adlfs and on fsspec's event loop."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, ClassVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock

from holdall_azure.filesystem import FileSystem, is_directory, plain_etag
from holdall_azure.retry import repeatable_body
from holdall_fsspec import Body, ObjectClient, Upload
from holdall_fsspec.errors import BackendError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientResponse
    from azure.storage.blob.aio import BlobClient

    from holdall.types import Buffer
    from holdall_azure.config import ClientConfig
    from holdall_fsspec import ObjectInfo


class AzureClient(ObjectClient):
    """Client of one container.

    It implements neither `unfinished` nor `abandon`: the pieces of an unfinished upload can be deleted only by an object
    of its name, which readers would see until it is deleted again. Azure deletes them after a week.
    """

    creates_in_pieces: ClassVar[bool] = True
    page: ClassVar[int] = 5000
    """Objects that one request lists: Azure's maximum."""

    def __init__(self, config: ClientConfig) -> None:
        self._filesystem = FileSystem(config)
        self.loop: AbstractEventLoop = self._filesystem.loop
        self._container = self._filesystem.service_client.get_container_client(config.container)

    def blob(self, name: str) -> BlobClient:
        """Returns adlfs's client of one blob."""
        return self._container.get_blob_client(name)

    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        whole = data if isinstance(data, bytes) else data.read()
        operations = self.blob(name)._client.block_blob  # noqa: SLF001 - upload_blob takes no body in slices
        answer = await operations.upload(
            body=repeatable_body(whole),
            content_length=len(whole),
            headers={"If-None-Match": "*"} if create else {},
            cls=lambda response, *_: response.http_response.headers,
        )
        return plain_etag(answer["ETag"])

    async def begin(self, name: str, /, *, create: bool) -> Upload:
        return _AzureUpload(self.blob(name), create=create)

    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        operations = self.blob(name)._client.blob  # noqa: SLF001 - download_blob reads the whole response first
        answer: Any = await operations.download(
            range=f"bytes={start}-{stop - 1}",
            headers={"If-Match": f'"{etag}"'} if etag else {},
            cls=lambda response, *_: response.http_response,
        )
        response = _AzureBody(answer.internal_response)
        if is_directory({key.lower().removeprefix("x-ms-meta-"): value for key, value in answer.headers.items()}):
            response.close()
            raise FileNotFoundError("a directory, and no object")
        return response

    async def head(self, name: str, /) -> ObjectInfo:
        infos = await self._filesystem.objects([await self.blob(name).get_blob_properties()])
        if not infos:
            raise FileNotFoundError("a directory, and no object")
        return infos[0]

    async def remove(self, name: str, /) -> None:
        await self.blob(name).delete_blob(delete_snapshots="include")

    async def remove_unchanged(self, name: str, etag: str | None, /) -> None:
        condition: dict[str, Any] = (
            {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified} if etag else {}
        )
        await self.blob(name).delete_blob(delete_snapshots="include", **condition)

    async def pages(self, prefix: str, /) -> AsyncIterator[list[ObjectInfo]]:
        blobs = self._container.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=self.page
        )
        async for page in blobs.by_page():
            yield await self._filesystem.objects([blob async for blob in page])

    async def copy(self, source: str, target: str, /) -> None:
        # Within one account the copy is complete with the response, except on busy accounts.
        blob = self.blob(target)
        answer: Mapping[str, Any] = await blob.start_copy_from_url(self.blob(source).url)
        status = answer["copy_status"]
        while status == "pending":
            await asyncio.sleep(0.2)
            status = (await blob.get_blob_properties()).copy.status
        if status != "success":
            raise RuntimeError(f"the copy ended as {status!r}")

    async def probe(self) -> None:
        await self._container.get_container_properties()

    async def close(self) -> None:
        await self._filesystem.close()


class _AzureUpload(Upload):
    """Upload in blocks, which a commit makes the object. The first commit of a name drops the blocks of all others."""

    def __init__(self, blob: BlobClient, *, create: bool) -> None:
        self._blob = blob
        self._create = create
        self._own = token_hex(12)  # so that blocks of another writer of the name are not mixed in
        self._blocks: dict[int, BlobBlock] = {}

    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        del offset, last
        block = f"{self._own}{number:06}"
        await self._blob.stage_block(block, repeatable_body(piece), length=len(piece))
        self._blocks[number] = BlobBlock(block)

    async def finish(self) -> str | None:
        blocks = [block for _, block in sorted(self._blocks.items())]
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing} if self._create else {}
        try:
            committed: dict[str, Any] = await self._blob.commit_block_list(blocks, **condition)
            return plain_etag(committed["etag"])
        except HttpResponseError as error:
            answer = BackendError.of(error)
            if answer.retries and (answer.taken or answer.code == "InvalidBlockList"):
                # It was sent again after its response was lost: the existing object may be this one.
                committed_blocks, _ = await self._blob.get_block_list("committed")
                if [block.id for block in committed_blocks] == [block.id for block in blocks]:
                    return plain_etag((await self._blob.get_blob_properties()).etag)
            if self._create and answer.code == "InvalidBlockList" and await self._blob.exists():
                raise FileExistsError("somebody else's blocks were committed first") from error
            raise

    async def abort(self) -> None:
        """Does nothing: the blocks are in no listing, and Azure deletes them with the next commit or after a week."""


class _AzureBody(Body):
    """Response of aiohttp, without azure's own iterator, which has a fixed piece size."""

    def __init__(self, answer: ClientResponse) -> None:
        self._answer = answer
        self.etag = plain_etag(answer.headers.get("ETag"))
        self.length = int(answer.headers["Content-Length"])
        ranged = answer.headers.get("Content-Range")  # bytes 0-9/100; absent if the server ignores ranges
        self.start = int(ranged.split()[1].partition("-")[0]) if ranged else 0
        self.size = int(ranged.rpartition("/")[2]) if ranged else self.length

    async def read(self, limit: int, /) -> Buffer:
        piece: bytes = await self._answer.content.read(limit)
        return piece

    def close(self) -> None:
        self._answer.close()
