"""Locks in a bucket of Google's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.builtin.leases.manager import LeaseManager
from holdall.testing.locks import LockContract

if TYPE_CHECKING:
    from holdall_gcs import GCS


@pytest.mark.services
class TestGCS(LockContract):
    """They stand on `ifGenerationMatch=0`."""

    expires_after = 1.5
    threads = 3
    rounds = 2
    processes = 2

    @pytest.fixture
    def locks(self, block: GCS) -> LeaseManager:
        return LeaseManager(block, ttl=self.expires_after)
