"""Where a storage or serializer value leads, when it is looked up, and what is said of one that leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.mission.world import World, names

from holdall import (
    ConfigurationError,
    HoldallWarning,
    PersistenceRequiredError,
    PluginError,
    UnknownBlockError,
    UnknownSerializerError,
    blocks,
    flow,
    load_result,
    task,
)
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.testing.distributions import absent

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def prod() -> Iterator[MemoryFileSystem]:
    """`s3/prod` as a definition of this process."""
    block = MemoryFileSystem(namespace="places")
    blocks.define("s3/prod", block)
    yield block
    blocks.undefine("s3/prod")
    block.clear()


@pytest.mark.parametrize(
    "value",
    [
        "./kept",
        "../here/kept",
        Path("kept"),
        Path("./kept"),
        LocalFileSystem(basepath="kept"),
        "{here}/kept",
        "file://{here}/kept",
    ],
)
def test_a_folder(world: World, value: Any) -> None:
    """A path by its form, a pathlib.Path, a block, a file URL; relative ones from the run's working directory."""
    storage = value.format(here=world.directory) if isinstance(value, str) else value

    @task(persist_result=True, result_storage=storage)
    def kept() -> str:
        return "value"

    kept()

    assert ["kept"] == names(world.in_folder(world.directory / "kept"))
    assert [] == world.local


def test_a_folder_at_home(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`~` is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))

    @task(persist_result=True, result_storage="~/kept")
    def kept() -> str:
        return "value"

    kept()

    assert ["kept"] == names(world.in_folder(tmp_path / "me" / "kept"))


@pytest.mark.parametrize("slug", ["s4/prod", "s3/prood", "s3/Prod", "results", "s3/", "s3", "a/b/c"])
@pytest.mark.usefixtures("prod")
def test_a_misspelt_slug_is_never_a_folder(world: World, slug: str) -> None:
    """It is an error before the body runs, and nothing is made on disk."""
    calls = []

    @task(persist_result=True, result_storage=slug)
    def kept() -> str:
        calls.append(1)
        return "value"

    with pytest.raises(UnknownBlockError):
        kept()

    assert [] == calls
    assert [] == list(world.directory.iterdir())


@pytest.mark.usefixtures("world", "prod")
def test_an_unknown_slug_says_the_nearest_and_the_known() -> None:
    """With the nearest spelling and the known slugs."""

    @task(persist_result=True, result_storage="s3/prood")
    def kept() -> str:
        return "value"

    with pytest.raises(UnknownBlockError, match=r"'s3/prood'.*Did you mean 's3/prod'\?.*Known: s3/prod"):
        kept()


@pytest.mark.usefixtures("world", "prod")
def test_an_unknown_slug_of_a_missing_plugin_says_how_to_install_it() -> None:
    """Where the block type belongs to a plugin that is not installed: its install line."""

    @task(persist_result=True, result_storage="gcs/lake")
    def kept() -> str:
        return "value"

    with absent("holdall-gcs"), pytest.raises((UnknownBlockError, PluginError), match=r"pip install holdall-gcs"):
        kept()


@pytest.mark.usefixtures("world")
def test_an_unknown_serializer_fails_before_the_body() -> None:
    """With the nearest spelling."""
    calls = []

    @task(persist_result=True, result_serializer="jsn")
    def kept() -> None:
        calls.append(1)

    with pytest.raises(UnknownSerializerError, match=r"'jsn'.*[Dd]id you mean 'json'\?"):
        kept()

    assert [] == calls


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("wrong", [3, MemoryFileSystem, b"./x", ""])
def test_what_is_no_storage_is_refused_before_the_body(wrong: Any) -> None:
    """A type instead of an instance, or something else altogether."""
    calls = []

    @task(persist_result=True, result_storage=wrong)
    def kept() -> None:
        calls.append(1)

    with pytest.raises((ConfigurationError, UnknownBlockError)):
        kept()

    assert [] == calls


def test_slugs_are_not_looked_up_where_nothing_is_kept(world: World) -> None:
    """Looked up when a run that will persist starts: one that will not never asks."""

    @task(persist_result=False, result_storage="nowhere/at-all", result_serializer="unheard-of")
    def plain() -> str:
        return "value"

    @flow(result_serializer="unheard-of")
    def around() -> str:
        return plain()

    assert "value" == around()
    assert [] == world.local


def test_importing_a_flow_looks_up_nothing(world: World) -> None:
    """Importing a flow needs neither the plugin nor the network: nothing that a slug would need is imported."""
    (world.directory / "flows.py").write_text(
        "from holdall import flow, task\n"
        "@task(result_storage='gcs/lake', result_serializer='unheard-of')\n"
        "def a(): return 1\n"
        "@flow(persist_result=True, result_storage='s3/prod')\n"
        "def b(): return a()\n"
    )
    script = "import flows, sys; print([m for m in ('pydantic', 's3fs', 'holdall_s3', 'sqlite3') if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=world.directory
    )

    assert "[]" == done.stdout.strip()
    assert not world.home.exists()


def test_a_slug_may_lead_elsewhere_by_the_next_run(world: World, prod: MemoryFileSystem) -> None:
    """It is looked up when a run starts, each time."""

    @task(persist_result=True, result_storage="s3/prod")
    def kept() -> str:
        return "value"

    kept()
    blocks.define("s3/prod", LocalFileSystem(basepath="elsewhere"))
    kept()

    assert 1 == len(list(prod.scan()))
    assert ["kept"] == names(world.in_folder(world.directory / "elsewhere"))


@pytest.mark.parametrize("value", [None, True, False])
def test_a_cached_literal_is_a_hit_for_another_catalog(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: bool | None
) -> None:
    """A literal that belongs to a cache key is stored in its record too, so that another machine has the hit."""
    calls = []

    @task(cache_key_fn=lambda _, __: "the key")
    def answer() -> bool | None:
        calls.append(1)
        return value

    answer()
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "another"))

    assert value is answer()
    assert [1] == calls
    assert ["answer"] == names(world.local)


@pytest.mark.parametrize("value", [None, True, False])
def test_a_literal_while_the_catalog_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: bool | None
) -> None:
    """One whose persistence resolved to yes is stored as a record; one under rule 7 is not."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "file" / "home"))

    @task(persist_result=True)
    def kept() -> bool | None:
        return value

    @task
    def plain() -> bool | None:
        return value

    @flow
    def around() -> bool | None:
        plain()
        return kept()

    with pytest.warns(HoldallWarning, match="catalog"):
        assert value is around()

    (record,) = world.local
    assert "kept" == record.name
    key = record.document["key"]
    assert value is load_result(storage="./.holdall-results", key=key)


def test_a_key_function_that_returns_none(world: World) -> None:
    """This call is neither cached nor persisted on caching's account."""
    calls = []

    @task(cache_key_fn=lambda _, parameters: parameters["key"])
    def maybe(key: str | None) -> str:
        calls.append(key)
        return f"{key}"

    assert ["None", "None", "a", "a"] == [maybe(None), maybe(None), maybe("a"), maybe("a")]
    assert [None, None, "a"] == calls
    assert 1 == len(world.local)


def test_a_key_function_that_returns_none_leaves_the_other_reasons(world: World) -> None:
    """Retries or an explicit True still persist it."""

    @task(cache_key_fn=lambda _, __: None, persist_result=True)
    def explicit() -> str:
        return "value"

    @task(cache_key_fn=lambda _, __: None, retries=1)
    def retried() -> str:
        return "value"

    @task(cache_key_fn=lambda _, __: None)
    def followed() -> str:
        return "value"

    @flow(persist_result=True)
    def around() -> None:
        followed()

    explicit()
    retried()
    around()

    assert ["explicit", "followed", "retried"] == names(world.local)


@pytest.mark.parametrize("kind", [task, flow])
def test_what_is_refused_is_refused_before_the_body(world: World, kind: Any) -> None:
    """Caching under a False of a flow around it: the message names the unit, the feature, the False, the ways out."""
    calls = []

    def body() -> None:
        calls.append(1)

    cached = kind(name="cached", cache_key_fn=lambda _, __: "key")(body)

    @flow
    def between() -> None:
        cached()

    @flow(persist_result=False)
    def outer() -> None:
        between()

    with pytest.raises(PersistenceRequiredError) as caught:
        outer()

    message = str(caught.value)
    assert [] == calls
    for part in ("'cached'", "cache_key_fn", "'outer'", "persist_result=False", "=True", "result_storage"):
        assert part in message
    assert [] == world.local


@pytest.mark.usefixtures("world")
def test_a_failure_that_no_retry_would_follow_is_told_as_it_is() -> None:
    """persist_result=False matters when a retry would start: not where a condition says no, nor after the last."""

    @task(persist_result=False, retries=1, retry_condition_fn=lambda *_: False)
    def fails() -> None:
        raise ValueError("an ordinary failure")

    with pytest.raises(ValueError, match="an ordinary failure"):
        fails()


@pytest.mark.parametrize("kind", [task, flow])
def test_flows_and_tasks_raise_at_the_retry(world: World, kind: Any) -> None:
    """With the failure as the cause, and the flow around it does not retry that."""
    calls = []

    def body() -> None:
        calls.append(1)
        raise ValueError("an ordinary failure")

    fails = kind(name="fails", retries=3)(body)

    @flow(persist_result=False, retries=3)
    def around() -> None:
        fails()

    with pytest.raises(PersistenceRequiredError, match=r"'fails'.*retries.*'around'") as caught:
        around()

    assert isinstance(caught.value.__cause__, ValueError)
    assert [1] == calls
    assert ["failed", "failed"] == [run.state for run in world.runs]
