"""Locks in a container of Azure's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.builtin.leases.manager import LeaseManager
from holdall.testing.locks import LockContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.services.azure import Azurite

    from holdall_azure import Azure


@pytest.mark.services
class TestAzurite(LockContract):
    """They stand on `If-None-Match`."""

    expires_after = 1.5
    threads = 3
    rounds = 2
    processes = 2
    server: Azurite

    @pytest.fixture
    def locks(self, azurite: Azurite, block: Azure) -> LeaseManager:
        """The server says what a pickled copy finds in its environment."""
        self.server = azurite
        return LeaseManager(block, ttl=self.expires_after)

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()
