"""Locks below the URL of an object store, through whatever filesystem fsspec has for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.leases.manager import LeaseManager
from holdall.storage.locks import lock_manager
from holdall_fsspec import FsspecFileSystem

if TYPE_CHECKING:
    from tests.services.gcs import FakeGCS
    from tests.services.s3 import S3Server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/p", True),
        ("gs://bucket/p", True),
        ("abfs://container/p", True),
        ("oss://bucket/p", False),
        ("memory://p", False),
        ("sftp://host/p", False),
        ("https://host/p", False),
    ],
)
def test_who_can_lock(url: str, expected: bool) -> None:
    """Stores that can refuse and that several machines share; nothing is asked of them for that."""
    manager = lock_manager(FsspecFileSystem(basepath=url))

    assert expected == isinstance(manager, LeaseManager)


@pytest.fixture
def on_s3(seaweedfs: S3Server) -> FsspecFileSystem:
    """Through s3fs."""
    return FsspecFileSystem(
        basepath=f"s3://{seaweedfs.new_bucket()}/p",
        settings={"endpoint_url": seaweedfs.endpoint_url},
        secret_settings={"key": seaweedfs.admin.access_key_id, "secret": seaweedfs.admin.secret_access_key},
    )


@pytest.fixture
def on_gcs(fake_gcs: FakeGCS) -> FsspecFileSystem:
    """Through gcsfs."""
    return FsspecFileSystem(
        basepath=f"gs://{fake_gcs.new_bucket()}/p",
        settings={"endpoint_url": fake_gcs.endpoint_url},
        secret_settings={"token": "anon"},
    )


@pytest.mark.services
@pytest.mark.parametrize("store", ["on_s3", "on_gcs"])
def test_one_of_two_holds_the_lock(store: str, request: pytest.FixtureRequest) -> None:
    """Each with a client of its own; the next one after a release has a greater token."""
    block: FsspecFileSystem = request.getfixturevalue(store)
    managers = [LeaseManager(block.with_secrets(block.secret_values())) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        leases = [each for each in pool.map(lambda manager: manager.acquire("key", timeout=0), managers) if each]
    leases[0].release()
    following = managers[-1].acquire("key", timeout=0)

    assert 1 == len(leases)
    assert following is not None
    assert following.token > leases[0].token
    following.release()
