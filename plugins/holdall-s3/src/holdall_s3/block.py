"""The S3 block: location, credentials and validation."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from holdall_fsspec import ObjectBlock
from holdall_fsspec.bucket import checked_endpoint, checked_path, one_way_in
from holdall_s3.config import S3Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_s3.client import S3Client

_PATH = re.compile(r"(?P<bucket>arn:aws[\w-]*:s3[\w-]*:[^/]*:accesspoint[/:][^/]+|[^/]+)(?:/+(?P<prefix>.*))?")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
# Not all of amazonaws.com: anybody can have a machine or a gateway there.
_AMAZONS = re.compile(
    r"https://s3(?:-fips)?(?:\.dualstack)?(?:[.-][a-z]{2}(?:-[a-z]+){1,3}-\d)?\.amazonaws\.com(?:\.cn)?(?::443)?/?"
).fullmatch
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:.*")


class S3(ObjectBlock):
    """Objects in a bucket of Amazon S3 or of a server with the same API.

    Credentials are looked for in the block, then where botocore looks: `AWS_ACCESS_KEY_ID` and its like, a profile, a
    role. `AWS_ENDPOINT_URL` and `AWS_DEFAULT_REGION` count where the block says nothing.

    A killed writer of a large object leaves the parts of an unfinished upload, which listings do not show and S3
    charges for: `holdall gc` aborts what is a day old, and so does a lifecycle rule of the bucket.
    """

    slug: ClassVar[str] = "s3"
    location_fields: ClassVar[tuple[str, ...]] = ("bucket_path", "endpoint_url", "region_name")

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

    @field_validator("bucket_path")
    @classmethod
    def _bucket_and_prefix(cls, value: str) -> str:
        rule = "at least three letters, digits, dots and hyphens"
        return checked_path(value, scheme="s3a?", is_bucket=_BUCKET.fullmatch, rule=rule, split=_split)

    @field_validator("region_name")
    @classmethod
    def _label_of_a_host(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9-]{1,63}", value):
            raise ValueError("region_name must be letters, digits and hyphens, as eu-west-1")
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        rule = "endpoint_url must hold no credentials; they go into aws_access_key_id and aws_secret_access_key"
        return checked_endpoint(value, example="https://minio.example.org:9000", rule=rule)

    @model_validator(mode="after")
    def _one_way_to_sign(self) -> Self:
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError("aws_access_key_id and aws_secret_access_key go together: give both or neither")
        if self.aws_session_token is not None and self.aws_access_key_id is None:
            raise ValueError("aws_session_token needs aws_access_key_id and aws_secret_access_key")
        one_way_in(
            {
                "anonymous=True": self.anonymous,
                "profile": self.profile is not None,
                "aws_access_key_id": self.aws_access_key_id is not None,
            }
        )
        return self

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns the endpoint; None for Amazon's own, and for that of the environment."""
        url = location.get("endpoint_url")
        if not url or _AMAZONS(url) or url in {os.environ.get(name, "").rstrip("/") for name in _ENDPOINTS}:
            return None
        return str(url)

    @property
    def place(self) -> tuple[str, str]:
        return _split(self.bucket_path)

    @property
    def endpoint(self) -> str:
        return self.endpoint_url or "the S3 endpoint (Amazon's, or the one that AWS_ENDPOINT_URL names)"

    @property
    def credentials_advice(self) -> str:
        return (
            "Give the block aws_access_key_id and aws_secret_access_key (pickling leaves them out), a profile or "
            "anonymous=True, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )

    def new_client(self) -> S3Client:
        from holdall_s3.client import S3Client

        return S3Client(self.client_config)

    @property
    def client_config(self) -> S3Config:
        """Configuration of the client."""
        return S3Config(
            bucket=self.bucket,
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=self.aws_secret_access_key,
            aws_session_token=self.aws_session_token,
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            profile=self.profile,
            anonymous=self.anonymous,
            addressing_style=self.addressing_style,
            limits=self.limits,
        )


def _split(path: str) -> tuple[str, str]:
    """Splits a path into the bucket (or access point) and the prefix."""
    found = _PATH.fullmatch(path)
    return (found["bucket"], found["prefix"] or "") if found else ("", "")
