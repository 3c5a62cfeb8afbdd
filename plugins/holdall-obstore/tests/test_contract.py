"""The storage contract, on servers of different make and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.services.process import free_ports

from holdall.testing.storage import StorageContract
from holdall_obstore import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.services.azure import Azurite
    from tests.services.s3 import S3Server

    from holdall.abc import Storage

_KEYS = {"aws_access_key_id": "key-of-nobody", "aws_secret_access_key": "secret-of-nobody"}


class OnS3(StorageContract):
    """A prefix in a bucket of its own for each test."""

    scan_count = 1_050  # S3 answers in pages of a thousand
    overwrites = 20
    races = 1
    sweeps: ClassVar[bool] = False
    server: S3Server

    @pytest.fixture
    def storage(self, server: S3Server, on_s3: Callable[..., ObjectStore]) -> ObjectStore:
        """An empty block; the server says what a pickled copy finds in its environment."""
        self.server = server
        return on_s3(server, f"{server.new_bucket()}/some/prefix")

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()

    def unreachable(self) -> ObjectStore:
        (port,) = free_ports(1)
        return ObjectStore(url="s3://bucket", endpoint_url=f"http://127.0.0.1:{port}", max_attempts=1, **_KEYS)

    def without_container(self, storage: Storage, /) -> ObjectStore:
        return _changed(storage, url=f"s3://none-{uuid4().hex[:12]}/prefix")

    def refused(self, storage: Storage, /) -> ObjectStore | None:
        return _changed(storage, aws_secret_access_key=SecretStr("a-secret-that-is-wrong"))

    def read_only(self, storage: Storage, /) -> ObjectStore | None:
        keys = self.server.read_only
        if keys is None:
            return None
        return _changed(
            storage,
            aws_access_key_id=SecretStr(keys.access_key_id),
            aws_secret_access_key=SecretStr(keys.secret_access_key),
        )

    def debris(self, storage: Storage, /) -> list[str]:
        assert isinstance(storage, ObjectStore)
        return self.server.uploads(storage.bucket)


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
    large_racers = 1
    largest = 64 << 20

    @pytest.fixture
    def server(self, moto: S3Server) -> S3Server:
        return moto

    def refused(self, storage: Storage, /) -> None:
        return None


@pytest.mark.services
class TestAzurite(StorageContract):
    """A container of its own for each test."""

    scan_count = 1_050
    overwrites = 20
    races = 1
    largest = 64 << 20
    sweeps: ClassVar[bool] = False  # Azure clears its own away
    account: Azurite

    @pytest.fixture
    def storage(self, azurite: Azurite, on_azure: Callable[..., ObjectStore]) -> ObjectStore:
        """An empty block; the account's key is what a pickled copy finds in its environment."""
        self.account = azurite
        return on_azure(azurite, f"{azurite.new_container()}/some/prefix")

    def environment(self) -> Mapping[str, str]:
        return {"AZURE_STORAGE_ACCOUNT_KEY": self.account.account_key}

    def unreachable(self) -> ObjectStore:
        (port,) = free_ports(1)
        return ObjectStore(
            url="az://container",
            endpoint_url=f"http://127.0.0.1:{port}/nobody",
            account_name="nobody",
            account_key="bm9ib2R5",
            max_attempts=1,
        )

    def without_container(self, storage: Storage, /) -> ObjectStore:
        return _changed(storage, url=f"az://none-{uuid4().hex[:12]}/prefix")

    def refused(self, storage: Storage, /) -> ObjectStore:
        return _changed(storage, account_key=SecretStr("YS1rZXktdGhhdC1pcy13cm9uZw=="))

    def read_only(self, storage: Storage, /) -> ObjectStore:
        return _changed(storage, account_key=None, sas_token=SecretStr(self.account.sas_token("rl")))


def _changed(storage: Storage, **fields: object) -> ObjectStore:
    assert isinstance(storage, ObjectStore)
    return storage.model_copy(update=fields)
