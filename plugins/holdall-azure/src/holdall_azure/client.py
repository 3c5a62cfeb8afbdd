"""Azure's requests through azure-storage-blob, on the event loop that fsspec keeps."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final
from weakref import finalize

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock
from fsspec.asyn import get_loop  # type: ignore[import-untyped]

from holdall_azure.access import connect
from holdall_azure.repeating import body
from holdall_fsspec import Body, ObjectClient, Seen, Upload
from holdall_fsspec.faults import Answer

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientResponse
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import BlobClient, ContainerClient

    from holdall.types import Buffer
    from holdall_azure.block import Azure

_FOLDER: Final = "hdi_isfolder"
_CLOSING: Final = 1.0
"""Seconds."""


class AzureClient(ObjectClient):
    """One container.

    There is neither `unfinished` nor `abandon`: the pieces of an upload that nobody finished can be dropped only by
    writing an object under its name, which readers would see until it is deleted again. Azure drops them after a week.
    """

    creates_in_pieces: ClassVar[bool] = True
    page: ClassVar[int] = 5000
    """Objects that one request lists: as many as Azure will."""

    def __init__(self, block: Azure) -> None:
        self.loop: AbstractEventLoop = get_loop()
        self._container, self._credential = connect(block)
        finalize(self, _let_go, os.getpid(), self.loop, self._container, self._credential)

    def blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(name)

    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        whole = data if isinstance(data, bytes) else data.read()
        operations = self.blob(name)._client.block_blob  # noqa: SLF001 - upload_blob takes no body in slices
        answer = await operations.upload(
            body=body(whole),
            content_length=len(whole),
            headers={"If-None-Match": "*"} if create else {},
            cls=lambda response, *_: response.http_response.headers,
        )
        return _bare(answer["ETag"])

    async def begin(self, name: str, /, *, create: bool) -> Upload:
        return _AzureUpload(self.blob(name), create=create)

    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        operations = self.blob(name)._client.blob  # noqa: SLF001 - download_blob reads the whole answer before it shows any
        answer: Any = await operations.download(
            range=f"bytes={start}-{stop - 1}",
            headers={"If-Match": f'"{etag}"'} if etag else {},
            cls=lambda response, *_: response.http_response,
        )
        found = _AzureBody(answer.internal_response)
        try:
            _refuse_folder({key.removeprefix("x-ms-meta-"): value for key, value in answer.headers.items()})
        except FileNotFoundError:
            found.close()
            raise
        return found

    async def head(self, name: str, /) -> Seen:
        found = await self.blob(name).get_blob_properties()
        _refuse_folder(found.metadata)
        return _seen(found)

    async def remove(self, name: str, /) -> None:
        await self.blob(name).delete_blob(delete_snapshots="include")

    async def remove_unchanged(self, name: str, etag: str | None, /) -> None:
        condition: dict[str, Any] = (
            {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified} if etag else {}
        )
        await self.blob(name).delete_blob(delete_snapshots="include", **condition)

    async def pages(self, prefix: str, /) -> AsyncIterator[list[Seen]]:
        found = self._container.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=self.page
        )
        async for page in found.by_page():
            yield [_seen(blob) async for blob in page if not _is_folder(blob.metadata)]

    async def copy(self, source: str, target: str, /) -> None:
        # Within one account it is done when it is answered, but for accounts that are busy.
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
        await _close(self._container, self._credential)


class _AzureUpload(Upload):
    """Blocks of the name, which count when they are committed; whoever commits first drops everybody else's."""

    def __init__(self, blob: BlobClient, *, create: bool) -> None:
        self._blob = blob
        self._create = create
        self._own = token_hex(12)  # blocks of another writer of the name must not get in between
        self._blocks: dict[int, BlobBlock] = {}

    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        del offset, last
        block = f"{self._own}{number:06}"
        await self._blob.stage_block(block, body(piece), length=len(piece))
        self._blocks[number] = BlobBlock(block)

    async def finish(self) -> str | None:
        blocks = [block for _, block in sorted(self._blocks.items())]
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing} if self._create else {}
        try:
            committed: dict[str, Any] = await self._blob.commit_block_list(blocks, **condition)
            return _bare(committed["etag"])
        except HttpResponseError as error:
            answer = Answer.of(error)
            if answer.retries and (answer.taken or answer.code == "InvalidBlockList"):
                # It was sent again after its answer was lost: what is in the way, or has the blocks, may be our own.
                found = await self._blob.get_block_list("committed")
                if [each.id for each in found[0]] == [each.id for each in blocks]:
                    return _bare((await self._blob.get_blob_properties()).etag)
            if self._create and answer.code == "InvalidBlockList" and await self._blob.exists():
                raise FileExistsError("somebody else's blocks were committed first") from error
            raise

    async def abort(self) -> None:
        """Nothing to do: no listing shows the blocks, and Azure drops them, with the next commit or after a week."""


class _AzureBody(Body):
    """The answer of aiohttp, past azure's own iterator, which cuts it into pieces of a size of its own."""

    def __init__(self, answer: ClientResponse) -> None:
        self._answer = answer
        self.etag = _bare(answer.headers.get("ETag"))
        self.length = int(answer.headers["Content-Length"])
        ranged = answer.headers.get("Content-Range")  # bytes 0-9/100; absent where a server knows no ranges
        self.start = int(ranged.split()[1].partition("-")[0]) if ranged else 0
        self.size = int(ranged.rpartition("/")[2]) if ranged else self.length

    async def read(self, limit: int, /) -> Buffer:
        piece: bytes = await self._answer.content.read(limit)
        return piece

    def close(self) -> None:
        self._answer.close()


def _seen(blob: BlobProperties) -> Seen:
    return Seen(blob.name, blob.size, _bare(blob.etag), blob.last_modified.timestamp())


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None  # listings leave the quotes out


def _is_folder(metadata: Mapping[str, str] | None) -> bool:
    """Whether it stands for a directory of a Data Lake, which keeps an empty blob of that name."""
    return any(key.lower() == _FOLDER and value == "true" for key, value in (metadata or {}).items())


def _refuse_folder(metadata: Mapping[str, str] | None) -> None:
    if _is_folder(metadata):
        raise FileNotFoundError("a directory, and no object")


async def _close(container: ContainerClient, credential: AsyncTokenCredential | None) -> None:
    await container.close()
    if credential is not None:
        await credential.close()


def _let_go(process: int, loop: AbstractEventLoop, *held: Any) -> None:
    """Close the connections of a client that nobody has any more, as far as its loop still runs."""
    if process != os.getpid() or not loop.is_running():
        return
    closing = asyncio.run_coroutine_threadsafe(_close(*held), loop)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with suppress(TimeoutError):  # an interpreter that ends does not wait for the loop's thread
            closing.result(timeout=_CLOSING)
