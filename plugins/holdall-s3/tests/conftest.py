"""Each promise is tested on two servers of different make, and on a third where the environment names one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.services.s3 import GivenS3

from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.s3 import Keys, S3Server


@pytest.fixture(params=["seaweedfs", "moto", *(["given_s3"] if GivenS3.named(os.environ) else [])])
def server(request: pytest.FixtureRequest) -> S3Server:
    """An S3 server, one after the other."""
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def make() -> Callable[..., S3]:
    """A block on a server, for one of its identities."""

    def block(server: S3Server, bucket_path: str, keys: Keys | None = None, **fields: object) -> S3:
        keys = keys or server.admin
        defaults: dict[str, object] = {
            "endpoint_url": server.endpoint_url,
            "region_name": server.region_name,
            "aws_access_key_id": keys.access_key_id,
            "aws_secret_access_key": keys.secret_access_key,
        }
        return S3(bucket_path=bucket_path, **{**defaults, **fields})

    return block


@pytest.fixture
def bucket(server: S3Server) -> str:
    """An empty bucket on the server."""
    return server.new_bucket()


@pytest.fixture
def block(server: S3Server, bucket: str, make: Callable[..., S3]) -> S3:
    """A block below a prefix of an empty bucket."""
    return make(server, f"{bucket}/some/prefix")
