"""How each kind of store is made: the options of object_store, by the names that obstore has for them."""

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
"""Options of the connection, which obstore takes apart from those of the store."""


class Platform(NamedTuple):
    """What obstore calls things on one platform: its store, and the options for fields of the block.

    `endpoint` is the option for `endpoint_url`, `variables` are those of the environment that say the same, `constant` the
    options that each store of the platform has.
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
"""By the scheme of the block's URL."""
_FOREVER: Final = timedelta(days=1)
"""Of a whole request; obstore's own limit of 30 s would cut large objects short."""
_RETRYING: Final = timedelta(minutes=5)
"""Repeated requests are signed once, and a signature is good for about that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """The fields of an `ObjectStore` block that its store needs; `options` are those of its platform, by their names."""

    platform: Platform
    bucket: str
    options: Mapping[str, SecretStr | str | None]
    endpoint_url: str | None
    anonymous: bool
    settings: Mapping[str, str | int | float | bool]
    secret_settings: SecretStr | None
    limits: ClientLimits


class StoreArguments(NamedTuple):
    """What a store of obstore's is made of. Holds secrets."""

    kind: str
    bucket: str
    config: dict[str, Any]
    client: dict[str, Any]
    retry: dict[str, Any]


def store_arguments(config: StoreConfig, /) -> StoreArguments:
    """Obstore's arguments for a store, in its own names."""
    platform, limits = config.platform, config.limits
    given = {**config.settings, **json.loads(_revealed(config.secret_settings) or "{}")}
    options = {
        **{option: _revealed(config.options.get(field)) for field, option in platform.options.items()},
        platform.endpoint: config.endpoint_url,
        "skip_signature": config.anonymous or None,
        **platform.constant,
    }
    if "sas_key" in options:
        options["sas_key"] = (options["sas_key"] or "").removeprefix("?") or None  # portals put the mark before it
    options |= {name: value for name, value in given.items() if name not in HTTP_OPTIONS}
    whole = timedelta(seconds=limits.timeout) if limits.timeout else None
    endpoint = config.endpoint_url or next(filter(None, map(os.environ.get, platform.variables)), "")
    client = {
        "connect_timeout": timedelta(seconds=limits.connect_timeout),
        "read_timeout": timedelta(seconds=limits.read_timeout),
        "timeout": whole or _FOREVER,
        # Who writes http:// has said it; obstore wants it said twice.
        **({"allow_http": True} if endpoint.startswith("http://") else {}),
        **{name: value for name, value in given.items() if name in HTTP_OPTIONS},
    }
    retry = {"max_retries": limits.max_attempts - 1, "retry_timeout": min(whole or _RETRYING, _RETRYING)}
    present = {name: value for name, value in options.items() if value is not None}
    return StoreArguments(platform.kind, config.bucket, present, client, retry)


def _revealed(value: SecretStr | str | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
