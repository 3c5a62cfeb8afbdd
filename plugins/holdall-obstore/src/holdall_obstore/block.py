"""The obstore block: location, platform, credentials and validation."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from holdall.errors import ConfigurationError
from holdall_fsspec.bucket import checked_endpoint, joined_path, one_way_in, split_path
from holdall_fsspec.options import as_json, secret_names
from holdall_obstore.operations import Operations
from holdall_obstore.stores import PLATFORMS, StoreConfig, store_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Final = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "azure": "az",
    "abfs": "az",
    "abfss": "az",
}
_PROVIDERS: Final = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure"}
_ACCOUNT: Final = re.compile(r"([^@/]+)@([a-z0-9]{3,24})\.(?:dfs|blob)\.core\.windows\.net(/.*)?")
# Not all of amazonaws.com: anybody can have a machine or a gateway there.
_PLATFORMS: Final = re.compile(
    r"https://(?:s3(?:[.-][a-z]{2}(?:-[a-z]+){1,3}-\d)?\.amazonaws\.com(?:\.cn)?|storage\.googleapis\.com|"
    r"[a-z0-9]{3,24}\.(?:blob|dfs)\.core\.windows\.net)(?::443)?/?"
).fullmatch
_BUCKET: Final = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,254}")
_ADVICE: Final = {
    "s3": "Give the block aws_access_key_id and aws_secret_access_key (pickling leaves them out) or anonymous=True, or "
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Profiles are not read: that takes the block of holdall-s3.",
    "gs": "Give the block service_account_info (pickling leaves it out) or anonymous=True, or set "
    "GOOGLE_APPLICATION_CREDENTIALS.",
    "az": "Give the block account_name with account_key, sas_token, or client_id, client_secret and tenant_id (pickling "
    "leaves secrets out), or set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
}


class ObjectStore(Operations):
    """Objects in S3, Google Cloud Storage or Azure through obstore, the Rust object stores: fast, with few dependencies.

    Names and bytes of objects are the same as in the blocks `S3`, `GCS` and `Azure`, so that each reads what the other
    wrote. Credentials are looked for in the block, then in the environment variables of the platform, then with the
    service that gives them to its machines.

    A killed writer of a large object leaves the parts of an unfinished upload, which S3 and GCS charge for and obstore
    cannot list: give the bucket a lifecycle rule that aborts them. Azure deletes its own after a week.
    """

    slug: ClassVar[str] = "obstore"
    location_fields: ClassVar[tuple[str, ...]] = ("url", "endpoint_url", "region_name", "account_name", "settings")
    endpoint_fields: ClassVar[tuple[str, ...]] = ("endpoint_url", "account_name", "settings")

    url: str
    """`s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `abfss://container@account.dfs.core.windows.net/prefix`."""
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    region_name: str | None = None
    """Of S3; from the environment, else us-east-1."""
    service_account_info: SecretStr | None = None
    """The JSON of a service account's key, as text or mapping, for Google Cloud Storage."""
    account_name: str | None = None
    """The storage account, on Azure."""
    account_key: SecretStr | None = None
    sas_token: SecretStr | None = None
    tenant_id: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    endpoint_url: str | None = None
    """For servers other than the platform's own, as `https://minio.example.org`."""
    anonymous: bool = False
    """Send no credentials: public buckets."""
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Further options without secrets, by obstore's names."""
    secret_settings: SecretStr | None = None
    """Further secret options, a mapping or its JSON; they override `settings`."""

    @model_validator(mode="before")
    @classmethod
    def _account_of_url(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(url := values.get("url"), str):
            scheme, _, rest = url.strip().partition("://")
            if scheme in {"abfs", "abfss"} and (found := _ACCOUNT.fullmatch(rest)):
                container, account, path = found.groups(default="")
                if values.get("account_name") not in {None, account}:
                    raise ValueError(f"the url names the account {account!r}, and account_name another")
                return {**values, "url": f"az://{container}{path}", "account_name": account}
        return values

    @field_validator("url")
    @classmethod
    def _one_form(cls, value: str) -> str:
        scheme, found, rest = value.strip().partition("://")
        if not found or scheme not in _SCHEMES:
            raise ValueError(
                "url must be one such as 's3://bucket/prefix', 'gs://bucket/prefix' or 'az://container/prefix'"
            )
        bucket, prefix = split_path(rest.rstrip("/"))
        if not bucket:
            raise ValueError(f"url names no bucket; write '{scheme}://bucket' or '{scheme}://bucket/prefix'")
        if "@" in bucket or ":" in bucket:
            raise ValueError("url must hold no credentials and no host: bucket and prefix alone")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is no name of a bucket: at least two letters, digits, dots and hyphens")
        return f"{_SCHEMES[scheme]}://{joined_path(bucket, prefix, field='url')}"

    @field_validator("region_name", "account_name")
    @classmethod
    def _label_of_a_host(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9-]{1,63}", value):
            raise ValueError("it becomes part of the address, and must be letters, digits and hyphens")
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        rule = "endpoint_url must hold no credentials; there are fields for them"
        return checked_endpoint(value, example="https://minio.example.org:9000", rule=rule)

    @field_validator("service_account_info", "secret_settings", mode="before")
    @classmethod
    def _as_json(cls, value: Any, info: ValidationInfo) -> Any:
        return as_json(value, field=info.field_name)

    @field_validator("settings")
    @classmethod
    def _no_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        if found := sorted(secret_names(value)):
            raise ValueError(f"{', '.join(found)} in settings would be shown and stored; put it into secret_settings")
        return value

    @model_validator(mode="after")
    def _fields_of_one_platform(self) -> Self:
        fields = {name for platform in PLATFORMS.values() for name in platform.options}
        given = {name for name in fields if getattr(self, name) is not None}
        if foreign := sorted(given - PLATFORMS[self.provider].options.keys()):
            raise ValueError(f"{', '.join(foreign)} mean nothing to {_PROVIDERS[self.provider]}, where the url leads")
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError("aws_access_key_id and aws_secret_access_key go together: give both or neither")
        if self.aws_session_token is not None and self.aws_access_key_id is None:
            raise ValueError("aws_session_token needs aws_access_key_id and aws_secret_access_key")
        if self.client_secret is not None and (self.client_id is None or self.tenant_id is None):
            raise ValueError("client_secret needs client_id and tenant_id")
        ways = ("aws_access_key_id", "service_account_info", "account_key", "sas_token", "client_secret")
        one_way_in({**{name: getattr(self, name) is not None for name in ways}, "anonymous=True": self.anonymous})
        return self

    def location(self) -> dict[str, Any]:
        fields = super().location()
        return {name: value for name, value in fields.items() if name != "settings" or value}

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns endpoint and settings; None for the platform's own address, and for the environment's."""
        url, settings = location.get("endpoint_url") or "", location.get("settings")
        own = {
            os.environ.get(name, "").rstrip("/")
            for platform in [PLATFORMS.get(str(location.get("url")).partition("://")[0])]
            if platform is not None
            for name in platform.variables
        }
        if not settings and (url in own or _PLATFORMS(url)):
            return None
        return f"{url} {json.dumps(settings, sort_keys=True) if settings else ''}".strip() or None

    @property
    def provider(self) -> str:
        """`s3`, `gs` or `az`."""
        return self.url.partition("://")[0]

    @property
    def place(self) -> tuple[str, str]:
        return split_path(self.url.partition("://")[2])

    @property
    def container(self) -> str:
        return f"the {'container' if self.provider == 'az' else 'bucket'} {self.bucket!r}"

    @property
    def endpoint(self) -> str:
        return self.endpoint_url or f"the endpoint of {_PROVIDERS[self.provider]}"

    @property
    def credentials_advice(self) -> str:
        return _ADVICE[self.provider]

    @property
    def store_config(self) -> StoreConfig:
        """Configuration of the client's store."""
        platform = PLATFORMS[self.provider]
        return StoreConfig(
            platform=platform,
            bucket=self.bucket,
            options={name: getattr(self, name) for name in platform.options},
            endpoint_url=self.endpoint_url,
            anonymous=self.anonymous,
            settings=self.settings,
            secret_settings=self.secret_settings,
            limits=self.limits,
        )

    def new_client(self) -> Any:
        from holdall_obstore.client import ObstoreClient

        try:
            return ObstoreClient(store_arguments(self.store_config))
        except Exception as error:  # noqa: BLE001 - obstore does not document what its builders raise
            # Without its text, which may quote secrets.
            option = re.search(r"onfiguration key: '(\w+)'", str(error))
            what = f"knows no option {option[1]!r} for {self.provider}://" if option else "takes no such options"
            raise ConfigurationError(
                f"The block {self.shown} cannot be used: obstore {what} ({type(error).__name__}). Correct settings, "
                "secret_settings and the fields of the block."
            ) from None
