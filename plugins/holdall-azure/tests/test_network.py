"""A network that fails, before Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.services.network import NetworkContract

from holdall_azure import Azure

if TYPE_CHECKING:
    from tests.services.azure import Azurite


@pytest.mark.services
class TestAzurite(NetworkContract):
    """The commit of the pieces decides."""

    piece: ClassVar[str] = "comp=block&"
    decides: ClassVar[str] = "comp=blocklist"
    server: ClassVar[Azurite]
    bucket: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls, azurite: Azurite) -> str:
        cls.server, cls.bucket = azurite, azurite.new_container()
        return azurite.endpoint_url.rpartition("/")[0]

    def at(self, url: str, **fields: object) -> Azure:
        account = self.server.account_name
        where = {"bucket_path": f"{self.bucket}/far", "endpoint_url": f"{url}/{account}"}
        return Azure.model_validate({**where, "account_key": self.server.account_key, **fields})
