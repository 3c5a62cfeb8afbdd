"""How each kind of store is made: the options of object_store, by the names that obstore has for them."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pydantic import SecretStr

    from holdall_obstore.block import ObjectStore

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
_S3_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AZURE_ENDPOINTS: Final = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_GCS_ENDPOINTS: Final = ("GOOGLE_BASE_URL",)
ENDPOINTS: Final = {"s3": _S3_ENDPOINTS, "gs": _GCS_ENDPOINTS, "az": _AZURE_ENDPOINTS}
"""Variables of the environment that say where a platform answers."""
_FOREVER: Final = timedelta(days=1)
"""Of a whole request; obstore's own limit of 30 s would cut large objects short."""
_RETRYING: Final = timedelta(minutes=5)
"""Repeated requests are signed once, and a signature is good for about that long."""


class Making(NamedTuple):
    """What a store of obstore's is made of. Holds secrets."""

    kind: str
    bucket: str
    config: dict[str, Any]
    client: dict[str, Any]
    retry: dict[str, Any]


def making(block: ObjectStore, /) -> Making:
    """What the block's store is made of."""
    kind, config, endpoints = _KINDS[block.provider](block)
    options = {**block.settings, **json.loads(_revealed(block.secret_settings) or "{}")}
    config |= {name: value for name, value in options.items() if name not in HTTP_OPTIONS}
    whole = timedelta(seconds=block.timeout) if block.timeout else None
    endpoint = block.endpoint_url or next(filter(None, map(os.environ.get, endpoints)), "")
    client = {
        "connect_timeout": timedelta(seconds=block.connect_timeout),
        "read_timeout": timedelta(seconds=block.read_timeout),
        "timeout": whole or _FOREVER,
        # Who writes http:// has said it; obstore wants it said twice.
        **({"allow_http": True} if endpoint.startswith("http://") else {}),
        **{name: value for name, value in options.items() if name in HTTP_OPTIONS},
    }
    retry = {"max_retries": block.max_attempts - 1, "retry_timeout": min(whole or _RETRYING, _RETRYING)}
    return Making(
        kind, block.bucket, {name: value for name, value in config.items() if value is not None}, client, retry
    )


def _s3(block: ObjectStore) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    config = {
        "access_key_id": _revealed(block.aws_access_key_id),
        "secret_access_key": _revealed(block.aws_secret_access_key),
        "session_token": _revealed(block.aws_session_token),
        "endpoint": block.endpoint_url,
        "region": block.region_name,
        "skip_signature": block.anonymous or None,
        "conditional_put": "etag",
        # One object is deleted at a time, for which the bulk request is the slower one, and not every server has it.
        "disable_bulk_delete": True,
    }
    return "S3Store", config, _S3_ENDPOINTS


def _gcs(block: ObjectStore) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    config = {
        "service_account_key": _revealed(block.service_account_info),
        "base_url": block.endpoint_url,
        "skip_signature": block.anonymous or None,
    }
    return "GCSStore", config, _GCS_ENDPOINTS


def _azure(block: ObjectStore) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    sas = _revealed(block.sas_token)
    config = {
        "account_name": block.account_name,
        "account_key": _revealed(block.account_key),
        "sas_key": sas.removeprefix("?") if sas else None,
        "tenant_id": _revealed(block.tenant_id),
        "client_id": _revealed(block.client_id),
        "client_secret": _revealed(block.client_secret),
        "endpoint": block.endpoint_url,
        "skip_signature": block.anonymous or None,
    }
    return "AzureStore", config, _AZURE_ENDPOINTS


_KINDS: Final = {"s3": _s3, "gs": _gcs, "az": _azure}


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
