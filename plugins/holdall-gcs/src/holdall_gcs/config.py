"""Configuration of a Google Cloud Storage client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from holdall_fsspec import ClientLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class GCSConfig:
    """Fields of a `GCS` block that its client needs. `billed` is the project that pays, if not the bucket's own."""

    bucket: str
    token: SecretStr | None
    service_account_info: SecretStr | None
    service_account_file: str | None
    anonymous: bool
    billed: str | None
    endpoint_url: str | None
    limits: ClientLimits
