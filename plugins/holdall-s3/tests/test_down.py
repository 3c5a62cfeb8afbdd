"""A server that nobody reaches, or that is killed: said once, whatever number of tasks meet it."""

from __future__ import annotations

import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import ServerProcess, free_ports
from tests.services.s3 import Moto

from holdall import HoldallWarning, StorageError, flow, task
from holdall_s3 import S3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))


def mapped(block: S3, count: int) -> tuple[list[Any], list[str]]:
    """What becomes of that many tasks whose results go to the block, and the warnings."""

    @task(persist_result=True, result_storage=block)
    def double(number: int) -> list[int]:
        return [2 * number]

    @flow(persist_result=False)
    def doubles() -> list[Any]:
        return [future.result(raise_on_failure=False) for future in double.map(range(count))]

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", HoldallWarning)
        found = doubles()
    return found, [str(each.message) for each in seen if "is down" in str(each.message)]


def test_a_port_where_nobody_listens_is_asked_a_few_times() -> None:
    """And 256 tasks end in the time that those take; each error says that the storage is down, or why."""
    (port,) = free_ports(1)
    block = S3(
        bucket_path="bucket/p",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody-Secret/Key",
        max_attempts=2,
    )
    started = time.monotonic()
    found, said = mapped(block, 256)
    took = time.monotonic() - started

    assert 1 == len(said)
    assert said[0].startswith("The storage s3:bucket/p is down: 3 calls in a row failed.")
    assert f"{block.endpoint_url} cannot be reached" in said[0]
    assert [StorageError] * 256 == list(map(type, found))
    assert [[2 * number] for number in range(256)] == [error.value for error in found]
    assert [error for error in found if "refused without asking" in str(error)]
    assert took < 20
    assert not [error for error in found if "nobody-Secret/Key" in str(error)]


def test_a_killed_server_is_left_alone_until_it_is_back(
    make: Callable[..., S3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call after the pause finds it again."""
    with Moto.running(tmp_path) as server:
        bucket = server.new_bucket()
        block = make(server, f"{bucket}/p", max_attempts=1)
        monkeypatch.setattr("holdall.storage.circuit_breaker.PAUSE", 0.0)
        before, quiet = mapped(block, 4)
        server.process.kill()
        down, said = mapped(block, 16)
        port = server.endpoint_url.rpartition(":")[2]
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        revived = ServerProcess(command, log=tmp_path / "revived.log")
        try:
            server.new_bucket(bucket)
            first, relieved = mapped(block, 1)
            after, _ = mapped(block, 4)
        finally:
            revived.kill()

    assert [[0], [2], [4], [6]] == before == after
    assert [[0]] == first
    assert ([], 1, []) == (quiet, len(said), relieved)
    assert {StorageError} == set(map(type, down))
