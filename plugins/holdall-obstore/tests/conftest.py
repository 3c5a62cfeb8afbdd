"""Each promise is tested on servers of different make and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall_obstore import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.azure import Azurite
    from tests.services.s3 import Keys, S3Server


@pytest.fixture
def on_s3() -> Callable[..., ObjectStore]:
    """A block on an S3 server, for one of its identities."""

    def block(server: S3Server, path: str, keys: Keys | None = None, **fields: object) -> ObjectStore:
        keys = keys or server.admin
        defaults: dict[str, object] = {
            "endpoint_url": server.endpoint_url,
            "region_name": server.region_name,
            "aws_access_key_id": keys.access_key_id,
            "aws_secret_access_key": keys.secret_access_key,
        }
        return ObjectStore(url=f"s3://{path}", **{**defaults, **fields})

    return block


@pytest.fixture
def on_azure() -> Callable[..., ObjectStore]:
    """A block on an Azure account, as its owner."""

    def block(server: Azurite, path: str, **fields: object) -> ObjectStore:
        defaults: dict[str, object] = {
            "endpoint_url": server.endpoint_url,
            "account_name": server.account_name,
            "account_key": server.account_key,
        }
        return ObjectStore(url=f"az://{path}", **{**defaults, **fields})

    return block
