"""The storage contract, on two servers of different make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.process import free_ports

from holdall.testing.storage import StorageContract
from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.services.s3 import S3Server


class OnS3(StorageContract):
    """A prefix in a bucket of its own for each test."""

    scan_count = 1_050  # S3 answers in pages of a thousand
    overwrites = 20
    server: S3Server

    @pytest.fixture
    def storage(self, server: S3Server, block: S3) -> S3:
        """An empty block; the server says what a pickled copy finds in its environment."""
        self.server = server
        return block

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()

    def unreachable(self) -> S3:
        (port,) = free_ports(1)
        keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
        return S3(bucket_path="bucket", endpoint_url=f"http://127.0.0.1:{port}", max_attempts=1, **keys)


@pytest.mark.services
class TestSeaweedFS(OnS3):
    """Races are answered right there, if slowly: who waits for a contested key asks again once a second."""

    racers = 8

    @pytest.fixture
    def server(self, seaweedfs: S3Server) -> S3Server:
        return seaweedfs


@pytest.mark.services
class TestMoto(OnS3):
    """A race for one key ends in errors there, so one at a time creates."""

    racers = 1

    @pytest.fixture
    def server(self, moto: S3Server) -> S3Server:
        return moto


def test_both_servers_know_each_other_not(seaweedfs: S3Server, moto: S3Server, make: Callable[..., S3]) -> None:
    """Two blocks of one path and two endpoints are two places."""
    name = seaweedfs.new_bucket()
    moto.new_bucket(name)
    make(seaweedfs, name).put("k", [b"here"])

    assert not make(moto, name).exists("k")
    assert make(seaweedfs, name) != make(moto, name)
