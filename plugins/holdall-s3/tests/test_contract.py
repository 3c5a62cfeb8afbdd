"""The storage contract, on servers of different make."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.services.process import free_ports
from tests.services.s3 import GivenS3

from holdall.testing.storage import StorageContract
from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.services.s3 import S3Server

    from holdall.abc import Storage


class OnS3(StorageContract):
    """A prefix of its own for each test."""

    overwrites: ClassVar[int] = 20
    races: ClassVar[int] = 1
    server: S3Server

    @pytest.fixture
    def storage(self, server: S3Server, make: Callable[..., S3]) -> S3:
        """An empty block; the server says what a pickled copy finds in its environment."""
        self.server = server
        return make(server, server.new_prefix())

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()

    def unreachable(self) -> S3:
        (port,) = free_ports(1)
        keys = {"aws_access_key_id": "key-of-nobody", "aws_secret_access_key": "secret-of-nobody"}
        return S3(bucket_path="bucket", endpoint_url=f"http://127.0.0.1:{port}", max_attempts=1, **keys)

    def without_container(self, storage: Storage, /) -> S3:
        return _changed(storage, bucket_path=f"holdall-test-none-{uuid4().hex[:12]}/prefix")

    def refused(self, storage: Storage, /) -> S3 | None:
        return _changed(storage, aws_secret_access_key=SecretStr("a-secret-that-is-wrong"))

    def read_only(self, storage: Storage, /) -> S3 | None:
        keys = self.server.read_only
        if keys is None:
            return None
        return _changed(
            storage,
            aws_access_key_id=SecretStr(keys.access_key_id),
            aws_secret_access_key=SecretStr(keys.secret_access_key),
        )

    def debris(self, storage: Storage, /) -> list[str]:
        return self.server.uploads(storage.location()["bucket_path"])


@pytest.mark.services
class TestSeaweedFS(OnS3):
    """The server that refuses and races; who waits for a contested key there asks again once a second."""

    @pytest.fixture
    def server(self, seaweedfs: S3Server) -> S3Server:
        return seaweedfs


@pytest.mark.services
class TestMoto(OnS3):
    """In memory, in Python: it lets anybody in, and answers a race for one key with errors."""

    racers: ClassVar[int] = 1
    large_racers: ClassVar[int] = 1
    scan_count: ClassVar[int] = 1_050  # a page has a thousand
    largest: ClassVar[int] = 64 << 20

    @pytest.fixture
    def server(self, moto: S3Server) -> S3Server:
        return moto

    def refused(self, storage: Storage, /) -> None:
        return None


@pytest.mark.services
class TestGivenS3(OnS3):
    """Any server that `HOLDALL_TEST_S3_ENDPOINT_URL` and its like name."""

    __test__: ClassVar[bool] = GivenS3.named(os.environ) is not None

    @pytest.fixture
    def server(self, given_s3: S3Server) -> S3Server:
        return given_s3


def _changed(storage: Storage, **fields: object) -> S3:
    assert isinstance(storage, S3)
    return storage.model_copy(update=fields)


@pytest.mark.services
def test_both_servers_know_each_other_not(seaweedfs: S3Server, moto: S3Server, make: Callable[..., S3]) -> None:
    """Two blocks of one path and two endpoints are two places."""
    name = seaweedfs.new_bucket()
    moto.new_bucket(name)
    make(seaweedfs, name).put("k", [b"here"])

    assert not make(moto, name).exists("k")
    assert make(seaweedfs, name) != make(moto, name)
