"""Configuration of an Azure client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall_azure.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Fields of an `Azure` block that its client needs.

    Args:
        account: the storage account, as far as the block names it.
        container: the name of the container.
        secrets: the block's own credentials by the names of its fields; empty for those of the environment.
        anonymous: whether requests carry no credentials.
        connect_timeout: seconds.
        read_timeout: seconds without a byte.
        max_attempts: how often a request is sent before its failure is final.
    """

    account: Account
    container: str
    secrets: Mapping[str, str] = field(repr=False)
    anonymous: bool
    connect_timeout: float
    read_timeout: float
    max_attempts: int
