"""S3 client over s3fs and aiobotocore, which only this module imports."""

from __future__ import annotations

from hashlib import md5
from typing import IO, TYPE_CHECKING, Any

from aiobotocore.httpsession import AIOHTTPSession  # type: ignore[import-untyped]
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from holdall_fsspec import Body, ObjectClient, ObjectInfo, Unfinished, Upload
from holdall_fsspec.errors import BackendError
from holdall_fsspec.transfer.retry import retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import SecretStr

    from holdall.types import Buffer
    from holdall_s3.config import S3Config


class S3Client(ObjectClient):
    """Client of one bucket.

    Does not use the read and write methods of s3fs: those cut "?versionId=" off keys, search for directories if a key is
    missing, and return neither size nor etag of a written object.
    """

    def __init__(self, config: S3Config) -> None:
        self._filesystem = _connect(config)
        self._bucket = config.bucket
        self._attempts = config.limits.max_attempts
        self._heard: Any = None
        self.loop = self._filesystem.loop

    async def call(self, method: str, /, **request: Any) -> dict[str, Any]:
        """Sends a botocore request for this bucket, with retries of transient failures."""
        client = await self._filesystem.set_session()
        if client is not self._heard:  # registering costs a twelfth of a small request
            client.meta.events.register(
                "before-call.s3.HeadBucket", _not_redirected, unique_id="holdall-not-redirected"
            )
            self._heard = client

        async def send() -> dict[str, Any]:
            body = request.get("Body")
            if body is not None and not isinstance(body, bytes):
                body.seek(0)
            answer: dict[str, Any] = await self._filesystem._call_s3(method, Bucket=self._bucket, **request)  # noqa: SLF001 - the awaitable twin of call_s3
            return answer

        return await retry(send, self._attempts)

    async def write(self, name: str, data: bytes | IO[bytes], /, *, create: bool) -> str | None:
        condition = {"IfNoneMatch": "*"} if create else {}
        return _etag(await self.call("put_object", Key=name, Body=data, **condition))

    async def begin(self, name: str, /, *, create: bool) -> Upload:
        del create  # a condition on the last step is atomic at Amazon, but not in SeaweedFS
        begun = await self.call("create_multipart_upload", Key=name)
        return _S3Upload(self, {"Key": name, "UploadId": begun["UploadId"]})

    async def read(self, name: str, start: int, stop: int, etag: str | None, /) -> Body:
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        return _S3Body(await self.call("get_object", Key=name, Range=f"bytes={start}-{stop - 1}", **condition), start)

    async def head(self, name: str, /) -> ObjectInfo:
        try:
            answer = await self.call("head_object", Key=name)
        except OSError as error:
            if BackendError.of(error).status in {400, 403}:
                # The response to HEAD has no body, and so no error code; that to GET has.
                (await self.read(name, 0, 1, None)).close()
            raise
        return ObjectInfo(name, answer["ContentLength"], _etag(answer), answer["LastModified"].timestamp())

    async def remove(self, name: str, /) -> None:
        await self.call("delete_object", Key=name)

    async def pages(self, prefix: str, /) -> AsyncIterator[list[ObjectInfo]]:
        more: dict[str, Any] = {}
        while True:
            page = await self.call("list_objects_v2", Prefix=prefix, **more)
            yield [
                ObjectInfo(item["Key"], item["Size"], _etag(item), item["LastModified"].timestamp())
                for item in page.get("Contents", ())
            ]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def copy(self, source: str, target: str, /) -> None:
        await self.call("copy_object", Key=target, CopySource={"Bucket": self._bucket, "Key": source})

    async def probe(self) -> None:
        await self.call("head_bucket")

    async def unfinished(self, prefix: str, /) -> list[Unfinished]:
        uploads: list[Unfinished] = []
        more: dict[str, Any] = {}
        while True:
            page = await self.call("list_multipart_uploads", Prefix=prefix, **more)
            for upload in page.get("Uploads", ()):
                parts = await self.call("list_parts", Key=upload["Key"], UploadId=upload["UploadId"])
                size = sum(part["Size"] for part in parts.get("Parts", ()))
                uploads.append(Unfinished(upload["Key"], upload["UploadId"], size, upload["Initiated"].timestamp()))
            if not page.get("IsTruncated"):
                return uploads
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def abandon(self, upload: Unfinished, /) -> None:
        try:
            await self.call("abort_multipart_upload", Key=upload.name, UploadId=upload.id)
        except OSError as error:
            if not BackendError.of(error).absent:
                raise

    async def close(self) -> None:
        filesystem = self._filesystem
        if filesystem._s3 is not None:  # noqa: SLF001 - as its finaliser does, but awaited
            await filesystem._s3.close()  # noqa: SLF001 - as above


class _S3Upload(Upload):
    def __init__(self, client: S3Client, target: dict[str, str]) -> None:
        self._client = client
        self._target = target
        self._parts: dict[int, str] = {}

    async def send(self, number: int, offset: int, piece: bytes, /, *, last: bool) -> None:
        del offset, last
        answer = await self._client.call("upload_part", **self._target, PartNumber=number + 1, Body=piece)
        self._parts[number + 1] = answer["ETag"]

    async def finish(self) -> str | None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._parts.items())]
        try:
            answer = await self._client.call(
                "complete_multipart_upload", **self._target, MultipartUpload={"Parts": parts}
            )
        except OSError as error:
            if BackendError.of(error).code == "NoSuchUpload" and BackendError.of(error).retries:
                # The first response was lost, and the upload is finished.
                info = await self._client.head(self._target["Key"])
                if info.etag == self._expected_etag():
                    return info.etag
            raise
        return _etag(answer)

    def _expected_etag(self) -> str:
        """Computes the etag of an object in parts, as S3 does if it is not encrypted with a customer's key."""
        etags = b"".join(bytes.fromhex(etag.strip('"')) for _, etag in sorted(self._parts.items()))
        return f"{md5(etags, usedforsecurity=False).hexdigest()}-{len(self._parts)}"

    async def abort(self) -> None:
        await self._client.call("abort_multipart_upload", **self._target)


class _S3Body(Body):
    def __init__(self, answer: dict[str, Any], start: int) -> None:
        self._body = answer["Body"]
        self.length = answer["ContentLength"]
        self.etag = _etag(answer)
        ranged = answer.get("ContentRange")  # bytes 0-9/100; absent if the server ignores ranges
        self.start = start if ranged else 0
        self.size = int(ranged.rpartition("/")[2]) if ranged else self.length

    async def read(self, limit: int, /) -> Buffer:
        piece: bytes = await self._body.read(limit)
        return piece

    def close(self) -> None:
        self._body.close()


def _connect(config: S3Config) -> S3FileSystem:
    """Creates a filesystem that no other client shares. It connects on its first request."""
    filesystem = S3FileSystem(
        anon=config.anonymous,
        key=_revealed(config.aws_access_key_id),
        secret=_revealed(config.aws_secret_access_key),
        token=_revealed(config.aws_session_token),
        endpoint_url=config.endpoint_url,
        client_kwargs={"region_name": config.region_name} if config.region_name else {},
        config_kwargs={
            "connect_timeout": config.limits.connect_timeout,
            "read_timeout": config.limits.read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": 1},  # `S3Client.call` retries
            "http_session_cls": _Session,
            "s3": {"addressing_style": config.addressing_style},
            "max_pool_connections": max(32, 2 * config.limits.concurrency),
        },
        skip_instance_cache=True,
        use_listings_cache=False,
        **({"profile": config.profile} if config.profile else {}),
    )
    filesystem.retries = 1
    return filesystem


class _Session(AIOHTTPSession):  # type: ignore[misc]
    """HTTP session that sends each request once.

    aiohttp silently repeats a PUT if a pooled connection breaks. The caller would not know that the object that a
    conditional write conflicts with may be its own.
    """

    async def _get_session(self, proxy_url: str | None) -> Any:
        session = await super()._get_session(proxy_url)
        session._retry_connection = False  # noqa: SLF001 - aiohttp has no other option for it
        return session


def _not_redirected(context: dict[str, Any], **_: object) -> None:
    """Keeps botocore from an endless recursion of requests for the bucket's region.

    It occurs if a server redirects without a location.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _etag(answer: dict[str, Any]) -> str | None:
    etag = answer.get("ETag")
    return str(etag).strip('"') if etag else None
