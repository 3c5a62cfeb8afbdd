"""Blocks on the one server that there is for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall_azure import Azure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.azure import Azurite


@pytest.fixture
def make(azurite: Azurite) -> Callable[..., Azure]:
    """A block on the server, as the account's owner unless other credentials are given."""

    def block(bucket_path: str, **fields: object) -> Azure:
        ways = {"connection_string", "account_key", "sas_token", "anonymous"}
        if not ways & set(fields):
            fields = {"account_key": azurite.account_key, **fields}
        where = {"account_name": azurite.account_name, "endpoint_url": azurite.endpoint_url}
        return Azure(bucket_path=bucket_path, **{**where, **fields})

    return block


@pytest.fixture
def container(azurite: Azurite) -> str:
    """An empty container."""
    return azurite.new_container()


@pytest.fixture
def block(container: str, make: Callable[..., Azure]) -> Azure:
    """A block below a prefix of an empty container."""
    return make(f"{container}/some/prefix")
