"""The block: where, with which credentials, and each operation as one or a few requests."""

from __future__ import annotations

import re
import time
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from holdall.errors import KeyMissing, StorageError
from holdall.types import ObjectMeta
from holdall_fsspec import RemoteBlock, keys
from holdall_fsspec.faults import Answer
from holdall_fsspec.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, ByteRange, Parts, WriteMode
    from holdall_fsspec.faults import Guard

_CONFLICTS: Final = 6
_SENT_AT_ONCE: Final = 5 << 30
"""S3's own limit for one request that writes or copies, in bytes."""
_PATH = re.compile(r"(?P<bucket>arn:aws[\w-]*:s3[\w-]*:[^/]*:accesspoint[/:][^/]+|[^/]+)(?:/+(?P<prefix>.*))?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:.*")


class S3(RemoteBlock):
    """Objects in a bucket of Amazon S3 or of a server that speaks its language.

    Credentials are looked for in the block, then where botocore looks: `AWS_ACCESS_KEY_ID` and its like, a profile, a
    role. `AWS_ENDPOINT_URL` and `AWS_DEFAULT_REGION` count where the block says nothing.

    A killed writer of a large object leaves the parts of an unfinished upload, which listings do not show and S3
    charges for: give the bucket a lifecycle rule that aborts incomplete multipart uploads.
    """

    slug: ClassVar[str] = "s3"

    bucket_path: str
    """`bucket` or `bucket/prefix`; a leading `s3://` is taken off."""
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    endpoint_url: str | None = None
    """For servers other than Amazon's, as `https://minio.example.org`."""
    region_name: str | None = None
    profile: str | None = None
    """A profile of the AWS configuration files."""
    anonymous: bool = False
    """Send no credentials: public buckets."""
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    connect_timeout: float = Field(default=10, gt=0)
    """Seconds."""
    read_timeout: float = Field(default=60, gt=0)
    """Seconds without a byte, not for a whole object."""
    max_attempts: int = Field(default=4, ge=1)
    """How often one request is sent before its failure counts, when the service is busy or the network breaks."""

    @field_validator("bucket_path")
    @classmethod
    def _bucket_and_prefix(cls, value: str) -> str:
        path = re.sub(r"^s3a?://", "", value.strip()).rstrip("/")
        found = _PATH.fullmatch(path)
        if found is None:
            raise ValueError("bucket_path names no bucket; write 'bucket' or 'bucket/prefix'")
        if not _BUCKET.fullmatch(found["bucket"]):
            raise ValueError(
                f"{found['bucket']!r} is no name of a bucket: at least three letters, digits, dots and hyphens"
            )
        if reason := keys.prefix_fault(found["prefix"] or ""):
            raise ValueError(f"the prefix in bucket_path {reason}")
        return "/".join(filter(None, [found["bucket"], found["prefix"]]))

    @field_validator("endpoint_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("endpoint_url must be a URL such as 'https://minio.example.org:9000'")
        if url.username or url.password or url.query:
            raise ValueError(
                "endpoint_url must hold no credentials; they go into aws_access_key_id and aws_secret_access_key"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_way_to_sign(self) -> Self:
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError("aws_access_key_id and aws_secret_access_key go together: give both or neither")
        if self.aws_session_token is not None and self.aws_access_key_id is None:
            raise ValueError("aws_session_token needs aws_access_key_id and aws_secret_access_key")
        ways = {
            "anonymous=True": self.anonymous,
            "profile": self.profile is not None,
            "aws_access_key_id": self.aws_access_key_id is not None,
        }
        if len(given := [name for name, is_given in ways.items() if is_given]) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: give one")
        return self

    def location(self) -> dict[str, Any]:
        where = {
            "bucket_path": self.bucket_path,
            "endpoint_url": self.endpoint_url,
            "region_name": self.region_name,
        }
        return {name: value for name, value in where.items() if value is not None}

    @property
    def bucket(self) -> str:
        return _split(self.bucket_path)[0]

    @property
    def root(self) -> str:
        return _split(self.bucket_path)[1]

    @property
    def container(self) -> str:
        return f"the bucket {self.bucket!r}"

    @property
    def endpoint(self) -> str:
        return self.endpoint_url or "the S3 endpoint (Amazon's, or the one that AWS_ENDPOINT_URL names)"

    @property
    def credentials_advice(self) -> str:
        return (
            "Give the block aws_access_key_id and aws_secret_access_key (pickling leaves them out), a profile or "
            "anonymous=True, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )

    def new_filesystem(self) -> Any:
        from holdall_s3.client import connect  # noqa: PLC0415 - s3fs is imported when the first byte moves

        return connect(self)

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        from holdall_s3.transfer import piece_size, upload  # noqa: PLC0415 - as in new_filesystem

        name, guard = self.name_of(key), self.guard(key, "put")
        stream = pieces(parts, size=piece_size)
        first = next(stream)
        second = next(stream, None)
        if second is None:
            with guard:
                answer = self._put_at_once(name, first, mode)
            return ObjectMeta(key, len(first), _etag(answer))
        pending = chain([first, second], stream)
        if mode == "create":
            return self._create_large(key, name, pending, guard)
        answer, size = upload(self.filesystem, self.bucket, name, pending, guard=guard)
        return ObjectMeta(key, size, _etag(answer))

    def _create_large(self, key: str, name: str, pending: Iterator[bytes], guard: Guard) -> ObjectMeta:
        """One conditional request from a temporary file.

        A condition on the completion of a multipart upload is atomic at Amazon, and SeaweedFS lets two racers win.
        """
        if self.exists(key):  # spares the loser the writing; the request below decides
            raise guard.exists()
        with TemporaryFile(prefix="holdall-s3-") as file:
            for piece in pending:
                file.write(piece)
            if (size := file.tell()) > _SENT_AT_ONCE:
                raise guard.failed(f"{size} bytes are more than one request takes, and mode='create' needs one.")
            with guard:
                answer = self._put_at_once(name, file, "create")
        return ObjectMeta(key, size, _etag(answer))

    def _put_at_once(self, name: str, data: bytes | IO[bytes], mode: WriteMode) -> dict[str, Any]:
        if mode == "overwrite":
            return self._call("put_object", Key=name, Body=data)
        for attempt in range(_CONFLICTS):
            if not isinstance(data, bytes):
                data.seek(0)
            try:
                return self._call("put_object", Key=name, Body=data, IfNoneMatch="*")
            except OSError as error:
                answer = Answer.of(error)
                if answer.conflict and attempt + 1 < _CONFLICTS:
                    time.sleep(0.05 * 2**attempt)  # S3 asks for that: who is first is known in a moment
                    continue
                if answer.taken and answer.retries and self._holds(name, data):
                    # The request was sent again after its answer was lost: it is our own object that is in the way.
                    return self._call("head_object", Key=name)
                raise
        raise AssertionError("the last attempt returns or raises")

    def _holds(self, name: str, data: bytes | IO[bytes]) -> bool:
        from holdall_s3.transfer import download  # noqa: PLC0415 - as in new_filesystem

        stored = download(self.filesystem, self.bucket, name, attempts=self.max_attempts)
        if not isinstance(data, bytes):
            data.seek(0)
            data = data.read()
        return stored == data

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        from holdall_s3.transfer import download  # noqa: PLC0415 - as in new_filesystem

        name, guard = self.name_of(key), self.guard(key, "get")
        start, stop = byte_range or (0, None)
        if byte_range is not None:
            if (error := self.range_fault(guard, byte_range)) is not None:
                raise error
            if stop == start:
                return self._nothing(key, start, guard)
        try:
            return download(self.filesystem, self.bucket, name, start=start, stop=stop, attempts=self.max_attempts)
        except Exception as error:
            if Answer.of(error).status == 416:
                return self._nothing(key, start, guard)
            raise self._unread(guard, error) from error

    def _unread(self, guard: Guard, error: Exception) -> StorageError:
        if Answer.of(error).status == 412:
            return guard.failed("the object was replaced while it was read. Read it again.", transient=True)
        return guard.mapped(error)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        from holdall_s3.transfer import download  # noqa: PLC0415 - as in new_filesystem

        name, guard = self.name_of(key), self.guard(key, "get")
        meta = self._head(key, guard)
        for start in range(0, meta.size, chunk):
            stop = min(start + chunk, meta.size)
            try:
                piece = download(
                    self.filesystem,
                    self.bucket,
                    name,
                    start=start,
                    stop=stop,
                    etag=meta.etag,
                    attempts=self.max_attempts,
                )
            except Exception as error:
                raise self._unread(guard, error) from error
            yield piece

    def _nothing(self, key: str, start: int, guard: Guard) -> bytes:
        """The answer to a range of no bytes, which HTTP cannot ask for."""
        size = self._head(key, guard).size
        if start > size:
            raise guard.failed(f"the range starts at {start}, past the end of the object at {size}.")
        return b""

    def head(self, key: str, /) -> ObjectMeta:
        return self._head(key, self.guard(key, "head"))

    def _head(self, key: str, guard: Guard) -> ObjectMeta:
        name = self.name_of(key)
        try:
            with guard:
                found = self._call("head_object", Key=name)
        except KeyMissing:
            self._confirm_bucket(guard)
            raise
        return ObjectMeta(key, found["ContentLength"], _etag(found), found["LastModified"].timestamp())

    def _confirm_bucket(self, guard: Guard) -> None:
        """An answer to HEAD has no body to say what is not there: the object, or the whole bucket."""
        try:
            self._call("head_bucket")
        except Exception as error:
            answer = Answer.of(error)
            if answer.absent:
                raise guard.no_container() from error
            if answer.status != 403:
                raise guard.mapped(error) from error

    def delete(self, key: str, /) -> None:
        name, guard = self.name_of(key), self.guard(key, "delete")
        try:
            with guard:
                self._call("delete_object", Key=name)
        except OSError as error:
            # S3 says 204 for a key that is not there; others say NoSuchKey.
            if error.__cause__ is None or Answer.of(error.__cause__).code != "NoSuchKey":
                raise

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        if keys.prefix_fault(prefix.rpartition("/")[0]):
            return iter(())  # no key can start so
        skip = len(self.root) + 1 if self.root else 0
        wanted = f"{self.root}/{prefix}" if self.root else prefix
        found: list[ObjectMeta] = []
        more: dict[str, Any] = {}
        with self.guard(prefix, "scan"):
            while True:
                page = self._call("list_objects_v2", Prefix=wanted, **more)
                found.extend(
                    ObjectMeta(item["Key"][skip:], item["Size"], _etag(item), item["LastModified"].timestamp())
                    for item in page.get("Contents", ())
                )
                if not page.get("IsTruncated"):
                    break
                more = {"ContinuationToken": page["NextContinuationToken"]}
        return self.listed(found)

    def publish(self, source: str, target: str, /) -> None:
        origin, name = self.name_of(source), self.name_of(target)
        if self.head(source).size > _SENT_AT_ONCE:
            super().publish(source, target)
            return
        with self.guard(target, "put"):
            self._call("copy_object", Key=name, CopySource={"Bucket": self.bucket, "Key": origin})

    def _call(self, method: str, **request: Any) -> dict[str, Any]:
        # Past s3fs's own read and write methods: those split "?versionId=" off keys, look for directories where a key
        # is missing, and say neither size nor etag of what they wrote.
        answer: dict[str, Any] = self.filesystem.call_s3(method, Bucket=self.bucket, **request)
        return answer


def _split(bucket_path: str) -> tuple[str, str]:
    found = _PATH.fullmatch(bucket_path)
    return (found["bucket"], found["prefix"] or "") if found else (bucket_path, "")


def _etag(answer: dict[str, Any]) -> str | None:
    etag = answer.get("ETag")
    return str(etag).strip('"') if etag else None
