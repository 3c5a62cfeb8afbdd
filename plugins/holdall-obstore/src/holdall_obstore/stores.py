"""Arguments of obstore's stores, from the fields of a block."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_fsspec import ClientLimits

HTTP_OPTIONS: Final = frozenset(
    [
        "allow_http",
        "allow_invalid_certificates",
        "default_content_type",
        "default_headers",
        "http1_only",
        "http2_keep_alive_interval",
        "http2_keep_alive_timeout",
        "http2_keep_alive_while_idle",
        "http2_only",
        "pool_idle_timeout",
        "pool_max_idle_per_host",
        "proxy_url",
        "proxy_ca_certificate",
        "proxy_excludes",
        "root_certificate",
        "randomize_addresses",
        "user_agent",
    ]
)
"""Options of the connection, which are a separate argument of obstore's stores."""


class Platform(NamedTuple):
    """Names of obstore for one platform: its store, and the options for fields of the block.

    `endpoint` is the option for `endpoint_url`, `variables` are the environment variables for it, `constant` are options
    that all stores of the platform get.
    """

    kind: str
    options: Mapping[str, str]
    endpoint: str
    variables: tuple[str, ...]
    constant: Mapping[str, Any]


PLATFORMS: Final = {
    "s3": Platform(
        "S3Store",
        {
            "aws_access_key_id": "access_key_id",
            "aws_secret_access_key": "secret_access_key",
            "aws_session_token": "session_token",
            "region_name": "region",
        },
        "endpoint",
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        # One object is deleted at a time, for which the bulk request is the slower one, and not every server has it.
        {"conditional_put": "etag", "disable_bulk_delete": True},
    ),
    "gs": Platform("GCSStore", {"service_account_info": "service_account_key"}, "base_url", ("GOOGLE_BASE_URL",), {}),
    "az": Platform(
        "AzureStore",
        {
            "account_name": "account_name",
            "account_key": "account_key",
            "sas_token": "sas_key",
            "tenant_id": "tenant_id",
            "client_id": "client_id",
            "client_secret": "client_secret",
        },
        "endpoint",
        ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
        {},
    ),
}
"""Platforms by the scheme of the block's URL."""
_FOREVER: Final = timedelta(days=1)
"""Limit of a whole request; obstore's own of 30 s is too short for large objects."""
_RETRYING: Final = timedelta(minutes=5)
"""Limit of retries: a request is signed once, and a signature is valid for about that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Fields of an `ObjectStore` block that its store needs; `options` are those of its platform, by their names."""

    platform: Platform
    bucket: str
    options: Mapping[str, SecretStr | str | None]
    endpoint_url: str | None
    anonymous: bool
    settings: Mapping[str, str | int | float | bool]
    secret_settings: SecretStr | None
    limits: ClientLimits


class StoreArguments(NamedTuple):
    """Arguments of a store of obstore. They contain secrets."""

    kind: str
    bucket: str
    config: dict[str, Any]
    client: dict[str, Any]
    retry: dict[str, Any]


def store_arguments(config: StoreConfig, /) -> StoreArguments:
    """Returns obstore's arguments for a store, by its own names."""
    platform, limits = config.platform, config.limits
    given = {**config.settings, **json.loads(_revealed(config.secret_settings) or "{}")}
    options = {
        **{option: _revealed(config.options.get(field)) for field, option in platform.options.items()},
        platform.endpoint: config.endpoint_url,
        "skip_signature": config.anonymous or None,
        **platform.constant,
    }
    if "sas_key" in options:
        options["sas_key"] = (options["sas_key"] or "").removeprefix(
            "?"
        ) or None  # portals show it with the question mark
    options |= {name: value for name, value in given.items() if name not in HTTP_OPTIONS}
    whole = timedelta(seconds=limits.timeout) if limits.timeout else None
    endpoint = config.endpoint_url or next(filter(None, map(os.environ.get, platform.variables)), "")
    client = {
        "connect_timeout": timedelta(seconds=limits.connect_timeout),
        "read_timeout": timedelta(seconds=limits.read_timeout),
        "timeout": whole or _FOREVER,
        # A URL with http:// is explicit enough; obstore needs the option as well.
        **({"allow_http": True} if endpoint.startswith("http://") else {}),
        **{name: value for name, value in given.items() if name in HTTP_OPTIONS},
    }
    retry = {"max_retries": limits.max_attempts - 1, "retry_timeout": min(whole or _RETRYING, _RETRYING)}
    present = {name: value for name, value in options.items() if value is not None}
    return StoreArguments(platform.kind, config.bucket, present, client, retry)


def _revealed(value: SecretStr | str | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
