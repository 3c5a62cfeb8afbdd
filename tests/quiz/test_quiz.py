"""The quiz of the mission and its continuation: who is kept where, seen in storage and catalog.

Each question is asked twice: with bodies that return nothing, as the mission's mostly do, and with bodies that return
something that needs a storage.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.mission.world import BUCKET, World, names

from holdall import PersistenceRequiredError, blocks, flow, load_result, task
from holdall.filesystems import S3, MemoryFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.s3 import S3Server

NONE = {"type": "result", "value": "null"}
GREETING = "Hi! 👋"


@pytest.mark.services
def test_q1_literals(s3_world: World) -> None:
    """Nothing in the storage, both in the catalog."""

    @task
    def my_task() -> None:
        return None

    @flow(persist_result=True, result_storage="s3/prod")
    def my_flow() -> None:
        my_task()

    my_flow()

    assert [] == s3_world.prod + s3_world.local
    assert [NONE, NONE] == [run.result for run in s3_world.runs]


@pytest.mark.services
def test_q1_objects(s3_world: World) -> None:
    """The task's result is an object in s3/prod."""

    @task
    def my_task() -> str:
        return GREETING

    @flow(persist_result=True, result_storage="s3/prod")
    def my_flow() -> str:
        return my_task() + "!"

    my_flow()

    assert ["my_flow", "my_task"] == names(s3_world.prod) == s3_world.references
    assert [] == s3_world.local


@pytest.mark.services
def test_q1_async(s3_world: World) -> None:
    """The same for async functions, awaited or submitted."""

    @task
    async def my_task() -> str:
        return GREETING

    @flow(persist_result=True, result_storage="s3/prod")
    async def my_flow() -> list[str]:
        return [await my_task(), await my_task.submit()]

    assert [GREETING, GREETING] == asyncio.run(my_flow())
    assert ["my_flow", "my_task", "my_task"] == names(s3_world.prod) == s3_world.references
    assert [] == s3_world.local


@pytest.mark.services
@pytest.mark.parametrize("value", [None, GREETING])
def test_q2_succeeds(s3_world: World, value: str | None) -> None:
    """Never persisted, and nothing is wrong as long as no retry starts."""

    @task(persist_result=False, retries=3)
    def my_task() -> str | None:
        return value

    @flow(persist_result=True, result_storage="s3/prod")
    def my_flow() -> str | None:
        return my_task()

    assert value == my_flow()
    assert (["my_flow"] if value else []) == names(s3_world.prod) == s3_world.references
    assert [None] == s3_world.results_of("my_task")


@pytest.mark.services
@pytest.mark.parametrize("value", [None, GREETING])
def test_q2_fails(s3_world: World, value: str | None) -> None:
    """A failure raises at the retry, with the failure as its cause."""
    calls = []
    failure = ValueError("no luck")

    @task(persist_result=False, retries=3)
    def my_task() -> str | None:
        calls.append(1)
        if len(calls) == 1:
            raise failure
        return value

    @flow(persist_result=True, result_storage="s3/prod")
    def my_flow() -> str | None:
        return my_task()

    with pytest.raises(PersistenceRequiredError, match=r"my_task.*retries.*persist_result=False") as caught:
        my_flow()

    assert failure is caught.value.__cause__
    assert [1] == calls
    assert [] == s3_world.prod
    assert ["failed", "failed"] == [run.state for run in s3_world.runs]


@pytest.mark.parametrize("value", [None, [1, 2]])
def test_q3(world: World, value: Any) -> None:
    """The flow's result is in the default storage; the task's is not persisted."""

    @task
    def my_task() -> Any:
        return value

    @flow(retries=2)
    def my_flow() -> Any:
        return my_task()

    assert value == my_flow()
    assert ([] if value is None else ["my_flow"]) == names(world.local) == world.references
    assert [NONE if value is None else None] == world.results_of("my_task")


def test_q3_with_a_data_frame(world: World) -> None:
    """The flow's data frame is kept and comes back as it was; the task's passes to the flow without being kept."""
    import pandas as pd

    frame = pd.DataFrame({"n": range(5), "text": list("abcde")})

    @task
    def my_task() -> pd.DataFrame:
        return frame

    @flow(retries=2)
    def my_flow() -> pd.DataFrame:
        return my_task()

    my_flow()

    (kept,) = world.local
    assert "my_flow" == kept.name
    pd.testing.assert_frame_equal(frame, load_result(storage="./.holdall-results", key=kept.document["key"]))


@pytest.mark.parametrize("value", [None, [1, 2]])
def test_q4(world: World, value: Any) -> None:
    """Persisted in .holdall-results with pickle; a literal as a record, as it belongs to a cache key."""
    calls = []

    @task(cache_key_fn=lambda _, __: "the key")
    def my_task() -> Any:
        calls.append(1)
        return value

    assert value == my_task() == my_task()
    assert [1] == calls
    assert [("my_task", "pickle")] == [(each.name, each.serializer) for each in world.local]
    assert ([] if value is None else ["my_task"]) == world.references


@pytest.fixture
def lake() -> Iterator[MemoryFileSystem]:
    """`gcs/lake` as a definition of this process: the plugin for that type is no part of this test's subject."""
    block = MemoryFileSystem(namespace="lake")
    blocks.define("gcs/lake", block)
    yield block
    blocks.undefine("gcs/lake")
    block.clear()


@pytest.mark.parametrize("value", [None, [1, 2]])
def test_q5_own_storage(world: World, lake: MemoryFileSystem, value: Any) -> None:
    """A storage of its own beats the flow's False."""

    @task(result_storage="gcs/lake")
    def my_task() -> Any:
        return value

    @flow(persist_result=False)
    def my_flow() -> Any:
        return my_task()

    my_flow()

    assert (0 if value is None else 1) == len(list(lake.scan()))
    assert ([] if value is None else ["my_task"]) == world.references
    assert [None] == world.results_of("my_flow")
    (result,) = world.results_of("my_task")
    assert result is not None
    assert "gcs/lake" == result.get("storage", {"slug": "gcs/lake"})["slug"]


@pytest.mark.parametrize("value", [None, [1, 2]])
def test_q5_no_storage(world: World, value: Any) -> None:
    """Without its own storage it is not persisted, and retries would raise."""
    calls = []

    @task(retries=1)
    def my_task(fail: bool) -> Any:
        calls.append(fail)
        if fail:
            raise ValueError("no luck")
        return value

    @flow(persist_result=False)
    def my_flow(fail: bool) -> Any:
        return my_task(fail)

    my_flow(fail=False)
    with pytest.raises(PersistenceRequiredError, match=r"my_task.*my_flow.*persist_result=False") as caught:
        my_flow(fail=True)

    assert [False, True] == calls
    assert isinstance(caught.value.__cause__, ValueError)
    assert [] == world.local
    assert [] == world.references
    assert all(run.result is None for run in world.runs)


@pytest.mark.services
@pytest.mark.parametrize("value", [None, [1, 2]])
def test_q6(s3_world: World, value: Any) -> None:
    """All three in s3/prod, with the serializer of A."""

    @task
    def inmost() -> Any:
        return value

    @flow(retries=1)
    def b() -> Any:
        return inmost()

    @flow(persist_result=True, result_storage="s3/prod", result_serializer="json")
    def a() -> Any:
        return b()

    assert value == a()
    expected = [] if value is None else [("a", "json"), ("b", "json"), ("inmost", "json")]
    assert expected == [(each.name, each.serializer) for each in s3_world.prod]
    assert [] == s3_world.local
    assert all(run.result is not None for run in s3_world.runs)


@pytest.mark.services
@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_q7(s3_world: World, runner: str) -> None:
    """As Q1 where the task is submitted: the resolution travels with the submission."""

    @task
    def my_task(value: Any) -> Any:
        return value

    @flow(persist_result=True, result_storage="s3/prod", task_runner=runner)
    def my_flow() -> Any:
        return [future.result() for future in (my_task.submit(GREETING), my_task.submit(None))]

    assert [GREETING, None] == my_flow()
    assert ["my_flow", "my_task"] == names(s3_world.prod) == s3_world.references
    assert [] == s3_world.local
    tasks = s3_world.results_of("my_task")
    assert NONE in tasks
    assert ["s3/prod"] == [each["storage"]["slug"] for each in tasks if each not in (NONE, None)]


@pytest.mark.services
def test_q7_with_secrets_of_this_process_alone(
    s3_world: World, bucket_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker process stores with credentials that only the submitting process was given."""
    for name in bucket_server.environment():
        monkeypatch.delenv(name)
    keys = bucket_server.admin
    block = S3(
        bucket_path=f"{BUCKET}/prod",
        endpoint_url=bucket_server.endpoint_url,
        region_name=bucket_server.region_name,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
    )
    blocks.define("s3/prod", block)

    @task
    def my_task() -> str:
        return GREETING

    @flow(persist_result=True, result_storage="s3/prod", task_runner="processes")
    def my_flow() -> str:
        return my_task.submit().result()

    assert GREETING == my_flow()
    assert ["my_flow", "my_task"] == names(s3_world.prod) == s3_world.references


@pytest.mark.parametrize("around", [None, True, False])
def test_a_task_in_a_task_looks_at_the_flows_around_both(world: World, around: bool | None) -> None:
    """What the task between them says does not count."""

    @task
    def inner() -> str:
        return "inner"

    @task(persist_result=False)
    def outer() -> str:
        return inner()

    @flow(persist_result=around)
    def top() -> None:
        outer()

    top()

    assert (["inner"] if around else []) == names(world.local)
