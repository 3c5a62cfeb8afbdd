"""Flows whose results are in S3, behind a network that fails or is far."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.services.proxy import Proxy

from holdall import flow, task
from holdall.catalog import open as catalogs
from holdall.errors import StorageError
from holdall.results import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.s3 import S3Server

    from holdall_s3 import S3

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield
    catalogs.close_catalogs()


@pytest.fixture
def proxy(seaweedfs: S3Server) -> Iterator[Proxy]:
    """What lies between the flow and its storage."""
    with Proxy.before(seaweedfs.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def storage(proxy: Proxy, seaweedfs: S3Server, make: Callable[..., S3]) -> Iterator[S3]:
    """A block behind it, in a bucket of its own."""
    block = make(seaweedfs, seaweedfs.new_bucket(), endpoint_url=proxy.url, max_attempts=2)
    yield block
    block.close()


def test_a_network_that_dies_between_two_tasks_loses_nothing(proxy: Proxy, storage: S3) -> None:
    """The error says what was asked of whom and has the value; the next run takes up what is there and does the rest."""
    ran: list[str] = []

    @task(persist_result=True, result_storage=storage, cache_key_fn=lambda *_: "first", return_state=True)
    def first() -> list[int]:
        ran.append("first")
        return [1, 2]

    @task(persist_result=True, result_storage=storage)
    def second(numbers: list[int]) -> int:
        ran.append("second")
        return sum(numbers)

    @flow
    def both(*, fail: bool) -> int:
        state = first()
        references.append(state.reference.json())
        if fail:
            proxy.refuse()
        return second(state.result())

    references: list[str] = []
    with pytest.raises(StorageError) as caught:
        both(fail=True)
    proxy.accept()

    assert caught.value.transient
    assert f"{proxy.url} cannot be reached, or broke the connection" in str(caught.value)
    assert (3, True) == (caught.value.value, caught.value.kept is not None)
    assert [1, 2] == from_json(references[0]).get()
    assert 3 == both(fail=False)
    assert ["first", "second", "second"] == ran


def test_many_small_results_go_out_at_once(proxy: Proxy, storage: S3) -> None:
    """256 results of `.map()` over a line of 100 ms: as many under way as the runner has threads, whatever the cores."""

    @task(persist_result=True, result_storage=storage)
    def small(number: int) -> dict[str, int]:
        return {"number": number}

    @flow
    def many() -> list[dict[str, int]]:
        return small.map(range(256)).result()

    proxy.latency = 0.1
    started = time.monotonic()

    found = many()

    took = time.monotonic() - started
    puts = proxy.lines("PUT")
    assert [{"number": number} for number in range(256)] == found
    assert 256 <= len(puts)
    assert 16 <= proxy.most_at_once <= 32
    assert took < len(puts) * proxy.latency / 2
