"""The storage contract, on Azurite."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from pydantic import SecretStr
from tests.services.process import free_ports

from holdall.testing.storage import StorageContract
from holdall_azure import Azure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.services.azure import Azurite

    from holdall.abc import Storage

_NOBODY = "bm9ib2R5cyBrZXk="


@pytest.mark.services
class TestAzurite(StorageContract):
    """A prefix in a container of its own for each test."""

    overwrites: ClassVar[int] = 40
    scan_count: ClassVar[int] = 1_050
    sweeps: ClassVar[bool] = False  # Azure does, after a week
    server: Azurite

    @pytest.fixture
    def storage(self, azurite: Azurite, block: Azure, monkeypatch: pytest.MonkeyPatch) -> Azure:
        """An empty block; the server says what a pickled copy finds in its environment."""
        from holdall_azure.client import AzureClient

        self.server = azurite
        monkeypatch.setattr(AzureClient, "page", 500)
        return block

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()

    def unreachable(self) -> Azure:
        (port,) = free_ports(1)
        return Azure(
            bucket_path="container",
            endpoint_url=f"http://127.0.0.1:{port}/nobodysaccount",
            account_key=_NOBODY,
            max_attempts=1,
        )

    def without_container(self, storage: Storage, /) -> Azure:
        return _changed(storage, bucket_path="no-such-container/prefix")

    def refused(self, storage: Storage, /) -> Azure:
        return _changed(storage, account_key=SecretStr(_NOBODY))

    def read_only(self, storage: Storage, /) -> Azure:
        return _changed(storage, account_key=None, sas_token=SecretStr(self.server.sas_token("rl")))


def _changed(storage: Storage, **fields: object) -> Azure:
    assert isinstance(storage, Azure)
    return storage.model_copy(update=fields)
