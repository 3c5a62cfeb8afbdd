"""When a result cannot be serialised or stored: no retry, no second run of the body, and the value is never lost."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import HoldallWarning, SerializationError, StorageError, blocks, flow, load_result, task
from holdall.filesystems import MemoryFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mission.world import World

    from holdall.types import ObjectMeta, Parts, WriteMode


def key_fn(_: Any, __: Any) -> str:
    return "key"


# Why the result is to be kept: options of the task, of the flow around it, and the setting.
REASONS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "explicit": ({"persist_result": True}, {}, None),
    "configured": ({"result_storage_key": "name"}, {}, None),
    "flow": ({}, {"persist_result": True}, None),
    "settings": ({}, {}, "true"),
    "caching": ({"cache_key_fn": key_fn}, {}, None),
    "caching and retries": ({"cache_key_fn": key_fn, "retries": 2}, {}, None),
    "explicit and retries": ({"persist_result": True, "retries": 2}, {}, None),
    "flow and retries": ({"retries": 2}, {"persist_result": True}, None),
    "settings and retries": ({"retries": 2}, {}, "true"),
}


class Refusing(MemoryFileSystem):
    """Says truthfully that it has nothing, and takes nothing."""

    slug: ClassVar[str] = "refusing"

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        """Refuse."""
        del parts, mode
        raise StorageError(f"put of {key} was refused", block=self.slug, key=key, operation="put")


@pytest.fixture
def refusing(world: World) -> Iterator[str]:
    """The slug of a storage that takes nothing."""
    del world
    blocks.define("refusing/all", Refusing(namespace="refusing"))
    yield "refusing/all"
    blocks.undefine("refusing/all")


@pytest.fixture(params=["unserialisable", "not stored"])
def failing(
    request: pytest.FixtureRequest, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, type[Exception]]:
    """A value and the error that keeping it gives; the storage is set where it says nothing about persistence."""
    if request.param == "unserialisable":
        return threading.Lock(), SerializationError
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_STORAGE", refusing)
    return ["a", "value"], StorageError


@pytest.mark.parametrize("reason", REASONS)
def test_an_error_with_the_value(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    failing: tuple[Any, type[Exception]],
) -> None:
    """Asked for by somebody: the error carries the very value; no retry is used up and the body ran once."""
    value, error = failing
    own, of_flow, setting = REASONS[reason]
    if setting is not None:
        monkeypatch.setenv("HOLDALL_RESULTS_PERSIST_BY_DEFAULT", setting)
    calls = []

    @task(**own)
    def kept() -> Any:
        calls.append(1)
        return value

    @flow(**of_flow)
    def top() -> None:
        kept()

    with pytest.raises(error) as caught:
        top()

    failure: Any = caught.value
    assert value is failure.value
    assert [1] == calls
    assert [("failed", 1)] == [(run.state, run.attempts) for run in world.runs if run.name == "kept"]
    assert [] == world.local
    assert [] == world.references


@pytest.mark.parametrize("kind", [task, flow])
@pytest.mark.parametrize("failing_first", [0, 1])
def test_one_warning_where_only_retries_asked(
    world: World, failing: tuple[Any, type[Exception]], kind: Any, failing_first: int
) -> None:
    """From `retries` alone: one warning, and the value is returned unpersisted; the retries that it had are its own."""
    value, _ = failing
    calls = []

    def body() -> Any:
        calls.append(1)
        if len(calls) <= failing_first:
            raise ValueError("an ordinary failure")
        return value

    kept = kind(name="kept", retries=2)(body)

    @flow
    def top() -> list[Any]:
        return [kept()]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        (returned,) = top()

    assert value is returned
    assert [HoldallWarning] == [each.category for each in told]
    assert "'kept'" in str(told[0].message)
    assert 1 + failing_first == len(calls)
    assert ["completed"] == [run.state for run in world.runs if run.name == "kept"]
    assert [None] == world.results_of("kept")


def test_the_value_is_kept_elsewhere_where_it_could_be_serialised(world: World, refusing: str) -> None:
    """A StorageError also says where the serialised value was kept, and it can be read from there."""

    @task(persist_result=True, result_storage=refusing)
    def kept() -> list[str]:
        return ["a", "value"]

    with pytest.raises(StorageError) as caught:
        kept()

    assert caught.value.kept is not None
    folder, _, name = caught.value.kept.rpartition("/results/")
    assert ["a", "value"] == load_result(storage=folder, key=f"results/{name}")
    assert str(world.home) in folder


def test_a_literal_needs_no_storage(world: World, refusing: str) -> None:
    """It is in the catalog, so a storage that takes nothing does not matter to it."""

    @task(persist_result=True, result_storage=refusing)
    def kept() -> None: ...

    @flow
    def top() -> None:
        kept()

    top()

    assert [{"type": "result", "value": "null"}] == world.results_of("kept")


def test_storage_that_fails_is_no_cache_miss(world: World) -> None:
    """A lookup that cannot be answered is a StorageError: the body must not run again because of it."""
    calls = []

    def key_and_wall(*_: Any) -> str:
        (world.directory / "file").write_text("where a folder is needed, from now on")
        return "key"

    @task(cache_key_fn=key_and_wall, result_storage="./file/results")
    def cached() -> str:
        calls.append(1)
        return "value"

    with pytest.raises(StorageError):
        cached()

    assert [] == calls


@pytest.mark.parametrize("async_", [False, True])
def test_the_error_of_a_submitted_task_carries_the_value_too(world: World, refusing: str, async_: bool) -> None:
    """Through a future, for sync and async bodies."""

    @task(persist_result=True, result_storage=refusing)
    def sync_kept() -> list[str]:
        return ["a", "value"]

    @task(persist_result=True, result_storage=refusing)
    async def async_kept() -> list[str]:
        return ["a", "value"]

    found: list[Any] = []

    @flow
    def top() -> None:
        future: Any = (async_kept if async_ else sync_kept).submit()
        found.append(future.result(raise_on_failure=False))

    top()

    assert isinstance(found[0], StorageError)
    assert ["a", "value"] == found[0].value
    assert [] == world.local


@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_nothing_half_written_is_left(world: World, runner: str, tmp_path: Path) -> None:
    """A value whose pickling fails midway leaves no record and no reference behind."""
    big = "x" * 100_000

    @task(persist_result=True, result_storage=str(tmp_path / "kept"))
    def kept() -> Any:
        return [big, threading.Lock()]

    @flow(task_runner=runner)
    def top() -> Any:
        return kept.submit().result(raise_on_failure=False)

    error = top()

    assert isinstance(error, SerializationError)
    assert [] == world.in_folder(tmp_path / "kept")
    assert [] == world.references
