"""Configuration of an S3 client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from holdall_fsspec import ClientLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """Fields of an `S3` block that its client needs."""

    bucket: str
    aws_access_key_id: SecretStr | None
    aws_secret_access_key: SecretStr | None
    aws_session_token: SecretStr | None
    endpoint_url: str | None
    region_name: str | None
    profile: str | None
    anonymous: bool
    addressing_style: Literal["auto", "path", "virtual"]
    limits: ClientLimits
