"""From a block to an s3fs filesystem; the module that imports s3fs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3fs import S3FileSystem  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pydantic import SecretStr

    from holdall_s3.block import S3


def connect(block: S3, /) -> S3FileSystem:
    """A filesystem of this block alone. It connects on its first request."""
    filesystem = S3FileSystem(
        anon=block.anonymous,
        key=_revealed(block.aws_access_key_id),
        secret=_revealed(block.aws_secret_access_key),
        token=_revealed(block.aws_session_token),
        endpoint_url=block.endpoint_url,
        client_kwargs={"region_name": block.region_name} if block.region_name else {},
        config_kwargs={
            "connect_timeout": block.connect_timeout,
            "read_timeout": block.read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": block.max_attempts},
            "s3": {"addressing_style": block.addressing_style},
            "max_pool_connections": 32,
        },
        skip_instance_cache=True,
        use_listings_cache=False,
        **({"profile": block.profile} if block.profile else {}),
    )
    # botocore repeats a request and counts; s3fs would repeat the whole of that, and a timeout would last for minutes.
    filesystem.retries = 1
    return filesystem


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
