"""The GCS block: location, credentials and validation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from holdall_fsspec import ObjectBlock
from holdall_fsspec.bucket import checked_endpoint, checked_path, one_way_in
from holdall_gcs.config import GCSConfig

if TYPE_CHECKING:
    from holdall_gcs.client import GCSClient

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_KEY_FIELDS = ("client_email", "private_key", "token_uri")


class GCS(ObjectBlock):
    """Objects in a bucket of Google Cloud Storage.

    Credentials are looked for in the block, then where Google's own tools look: the file that
    `GOOGLE_APPLICATION_CREDENTIALS` names, those of `gcloud auth application-default login`, the service account of the
    machine. These go to Google's own addresses only; an emulator or any other endpoint is asked without.

    A killed writer of a large object leaves nothing that is listed or charged for: Google deletes unfinished uploads
    after a week.
    """

    slug: ClassVar[str] = "gcs"
    at_once: ClassVar[int] = 5 << 40  # no object is larger

    chunk_size: int = Field(default=16 << 20, ge=5 << 20, multiple_of=256 << 10)
    """Bytes of one piece of a large object. Pieces are sent one after the other, so that small ones are slow."""
    bucket_path: str
    """`bucket` or `bucket/prefix`; a leading `gs://` is taken off."""
    service_account_info: SecretStr | None = None
    """The key of a service account: its JSON, as text or as a mapping."""
    service_account_file: str | None = None
    """The path of a file with such a key."""
    token: SecretStr | None = None
    """An access token, as `gcloud auth print-access-token` prints one: valid for an hour."""
    anonymous: bool = False
    """Send no credentials: public buckets."""
    project: str | None = None
    """The project that `requester_pays` bills."""
    requester_pays: bool = False
    """Bill requests and traffic to `project`, where the owner of the bucket does not pay for them."""
    endpoint_url: str | None = None
    """For an emulator or a private endpoint, as `https://storage-xyz.p.googleapis.com`."""

    @field_validator("bucket_path")
    @classmethod
    def _bucket_and_prefix(cls, value: str) -> str:
        rule = "at least three lower case letters, digits, dots, hyphens and underscores"
        return checked_path(value, scheme="gc?s", is_bucket=_BUCKET.fullmatch, rule=rule)

    @field_validator("service_account_info", mode="before")
    @classmethod
    def _key_of_an_account(cls, value: object) -> object:
        if value is None:
            return None
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        try:
            key = text if isinstance(text, Mapping) else json.loads(str(text))
        except ValueError:
            key = None
        if not isinstance(key, Mapping) or not all(isinstance(key.get(name), str) for name in _KEY_FIELDS):
            raise ValueError(
                f"service_account_info must be the key of a service account in JSON, with {', '.join(_KEY_FIELDS)}; "
                "the path of a file goes into service_account_file"
            )
        return json.dumps(dict(key)) if isinstance(text, Mapping) else value

    @field_validator("endpoint_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        rule = "endpoint_url must be scheme, host and port alone, with neither credentials nor a path"
        return checked_endpoint(value, example="http://127.0.0.1:4443", rule=rule, bare=True)

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        one_way_in(
            {
                "anonymous=True": self.anonymous,
                "service_account_info": self.service_account_info is not None,
                "service_account_file": self.service_account_file is not None,
                "token": self.token is not None,
            }
        )
        if self.requester_pays and (self.project is None or self.anonymous):
            raise ValueError("requester_pays=True needs the project that is billed, and credentials that may bill it")
        return self

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns None: other servers than Google's get no credentials."""
        del location
        return None

    @property
    def endpoint(self) -> str:
        return self.endpoint_url or "Google Cloud Storage (or what STORAGE_EMULATOR_HOST names)"

    @property
    def credentials_advice(self) -> str:
        return (
            "Give the block service_account_info (pickling leaves it out), service_account_file or anonymous=True, set "
            "GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login."
        )

    def new_client(self) -> GCSClient:
        from holdall_gcs.client import GCSClient

        return GCSClient(self.client_config)

    @property
    def client_config(self) -> GCSConfig:
        """Configuration of the client."""
        return GCSConfig(
            bucket=self.bucket,
            token=self.token,
            service_account_info=self.service_account_info,
            service_account_file=self.service_account_file,
            anonymous=self.anonymous,
            billed=self.project if self.requester_pays else None,
            endpoint_url=self.endpoint_url,
            limits=self.limits,
        )
