"""`explain`: the sentences it prints, that it runs nothing, and that what it says is what happens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mission.fixtures import world

from holdall import PersistenceRequiredError, flow, task
from holdall.filesystems import MemoryFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mission.world import World

    from holdall.declaration.resolution import Resolution

__all__ = ["world"]


def key_fn(_: Any, __: Any) -> str:
    return "key"


@flow(persist_result=True, result_storage="s3/prod")
def to_prod() -> None: ...


@flow(persist_result=False)
def keeps_nothing() -> None: ...


@flow(retries=2)
def retried_flow() -> None: ...


@task
def plain() -> None: ...


SENTENCES: dict[str, tuple[Callable[[], Resolution], str]] = {
    "nothing said": (
        plain.explain,
        """The result of task 'plain' is not persisted: nothing asks for it: no persist_result, storage, caching or \
retries of its own, and no flow or setting that says so (rule 7).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
    "Q1": (
        lambda: plain.explain(flow=to_prod),
        """The result of task 'plain' is persisted: flow 'to_prod' around it says persist_result=True (rule 5).
It is written to s3/prod: flow 'to_prod' around it uses s3/prod (rule 2).
It is serialised with pickle: flow 'to_prod' around it uses pickle (rule 2).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
    "Q2": (
        lambda: plain.with_options(persist_result=False, retries=3).explain(flow=to_prod),
        """The result of task 'plain' is not persisted: persist_result=False is set on it (rule 1).
  (This overrides: its retries=3 need it (rule 4).)
  (This overrides: flow 'to_prod' around it says persist_result=True (rule 5).)
True, False and None are not kept either, because somebody said False.
Its retries need a kept result, so 'plain' raises PersistenceRequiredError at the first retry.""",
    ),
    "Q3, the task": (
        lambda: plain.explain(flow=retried_flow),
        """The result of task 'plain' is not persisted: nothing asks for it: no persist_result, storage, caching or \
retries of its own, and no flow or setting that says so (rule 7).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
    "Q3, the flow": (
        retried_flow.explain,
        """The result of flow 'retried_flow' is persisted: its retries=2 need it (rule 4).
It is written to ./.holdall-results: the default, a folder in the directory where the outermost run starts (rule 4).
It is serialised with pickle: the default (rule 4).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
    "Q4": (
        lambda: plain.with_options(cache_key_fn=key_fn).explain(),
        """The result of task 'plain' is persisted: its cache_key_fn needs it (rule 4).
It is written to ./.holdall-results: the default, a folder in the directory where the outermost run starts (rule 4).
It is serialised with pickle: the default (rule 4).
True, False and None are kept in the catalog, as well as in its cache record.""",
    ),
    "Q5": (
        lambda: plain.with_options(result_storage="gcs/lake").explain(flow=keeps_nothing),
        """The result of task 'plain' is persisted: result_storage is set on it (rule 2).
  (This overrides: flow 'keeps_nothing' around it says persist_result=False (rule 3).)
It is written to gcs/lake: result_storage is set on it (rule 1).
  (This overrides: flow 'keeps_nothing' around it uses ./.holdall-results (rule 2).)
It is serialised with pickle: flow 'keeps_nothing' around it uses pickle (rule 2).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
    "Q5, caching": (
        lambda: plain.with_options(cache_key_fn=key_fn).explain(flow=keeps_nothing),
        """The result of task 'plain' is not persisted: flow 'keeps_nothing' around it says persist_result=False \
(rule 3).
  (This overrides: its cache_key_fn needs it (rule 4).)
True, False and None are not kept either, because somebody said False.
Its cache_key_fn needs a kept result, so 'plain' raises PersistenceRequiredError when it is called.""",
    ),
    "a block": (
        lambda: plain.with_options(persist_result=True, result_storage=MemoryFileSystem(namespace="n")).explain(),
        """The result of task 'plain' is persisted: persist_result=True is set on it (rule 1).
  (This overrides: result_storage is set on it (rule 2).)
It is written to MemoryFileSystem(namespace='n'): result_storage is set on it (rule 1).
It is serialised with pickle: the default (rule 4).
True, False and None are kept in the catalog, with no object in storage.""",
    ),
}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("question", SENTENCES)
def test_the_sentences(question: str) -> None:
    """One line a setting, with the rule that decided and those that it beat."""
    explain, expected = SENTENCES[question]

    assert expected == str(explain())


@pytest.mark.usefixtures("world")
def test_the_sentences_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are named by their variables, and each call reads them anew."""
    monkeypatch.setenv("HOLDALL_RESULTS_PERSIST_BY_DEFAULT", "true")
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_STORAGE", "s3/prod")
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_SERIALIZER", "json")

    lines = str(plain.explain()).splitlines()

    assert [
        "The result of task 'plain' is persisted: the setting HOLDALL_RESULTS_PERSIST_BY_DEFAULT is True (rule 6).",
        "It is written to s3/prod: the setting HOLDALL_RESULTS_DEFAULT_STORAGE says s3/prod (rule 3).",
        "It is serialised with json: the setting HOLDALL_RESULTS_DEFAULT_SERIALIZER says json (rule 3).",
        "True, False and None are kept in the catalog, with no object in storage.",
    ] == lines


def test_explaining_runs_and_looks_up_nothing(world: World) -> None:
    """Neither body runs, and a slug that means nothing here is explained as it stands."""
    calls: list[str] = []

    @task(result_storage="nowhere/at-all", result_serializer="unheard-of")
    def inner() -> None:
        calls.append("inner")

    @flow
    def outer() -> None:
        calls.append("outer")

    resolution = inner.explain(flow=outer)

    assert ("nowhere/at-all", "unheard-of") == (resolution.storage.value, resolution.serializer.value)
    assert [] == calls
    assert not world.home.exists()


@dataclass(frozen=True, kw_only=True)
class Level:
    """What one flow or the task says."""

    persist: bool | None
    storage: str | None
    serializer: str | None
    retries: int
    cached: bool
    submitted: bool


LEVELS = st.builds(
    Level,
    persist=st.sampled_from([None, None, True, False]),
    storage=st.sampled_from([None, None, "./one", "./two"]),
    serializer=st.sampled_from([None, "json", "pickle"]),
    retries=st.sampled_from([0, 0, 1]),
    cached=st.sampled_from([False, False, False, True]),
    submitted=st.booleans(),
)
SETTINGS = st.fixed_dictionaries(
    {
        "HOLDALL_RESULTS_PERSIST_BY_DEFAULT": st.sampled_from([None, None, "true", "false"]),
        "HOLDALL_RESULTS_DEFAULT_STORAGE": st.sampled_from([None, "./set"]),
        "HOLDALL_RESULTS_DEFAULT_SERIALIZER": st.sampled_from([None, "json"]),
    }
)
_numbers = itertools.count()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(levels=st.lists(LEVELS, min_size=1, max_size=4), said=SETTINGS, value=st.sampled_from([None, True, [1, 2]]))
def test_what_it_says_is_what_happens(
    world: World, monkeypatch: pytest.MonkeyPatch, levels: list[Level], said: dict[str, str | None], value: Any
) -> None:
    """For random options in random nestings: persisted or not, where, with what, literals, and what is refused."""
    number = next(_numbers)
    directory = world.directory / f"example-{number}"
    directory.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(directory)
        for variable, setting in said.items():
            if setting is not None:
                patch.setenv(variable, setting)
        units = _nested(levels, f"example-{number}", value)
        explained = [unit.explain(flow=units[:depth]) for depth, unit in enumerate(units)]
        refused = [
            bool(resolution.forbidden and (level.cached or (level.retries and depth == len(levels) - 1)))
            for depth, (resolution, level) in enumerate(zip(explained, levels, strict=True))
        ]

        if any(refused):
            with pytest.raises(PersistenceRequiredError, match=repr(explained[refused.index(True)].name)):
                units[0]()
        else:
            assert value == units[0]()
            _compare(world, directory, explained, value)


def _nested(levels: list[Level], name: str, value: Any) -> list[Any]:
    """Flows around a task, outermost first; the task fails its first attempt where it may retry."""
    failures = [ValueError("the first attempt")] if levels[-1].retries else []

    def body() -> Any:
        if failures:
            raise failures.pop()
        return value

    function: Callable[[], Any] = body
    units: list[Any] = []
    for depth in range(len(levels) - 1, -1, -1):
        level = levels[depth]
        decorate: Any = task if depth == len(levels) - 1 else flow
        unit = decorate(
            name=f"{name}-{depth}",
            persist_result=level.persist,
            result_storage=level.storage,
            result_serializer=level.serializer,
            retries=level.retries,
            cache_key_fn=(lambda context, _: context.task.name) if level.cached else None,
        )(function)
        units.insert(0, unit)
        function = _calling(unit, submitted=level.submitted)
    return units


def _calling(unit: Any, *, submitted: bool) -> Callable[[], Any]:
    def body() -> Any:
        return unit.submit().result() if submitted else unit()

    return body


def _compare(world: World, directory: Path, explained: list[Resolution], value: Any) -> None:
    literal = not isinstance(value, list)
    found = {
        (each.name, folder.name, each.serializer) for folder in directory.iterdir() for each in world.in_folder(folder)
    }
    expected = {
        (each.name, each.storage.value.removeprefix("./"), each.serializer.value)
        for each in explained
        if each.persist.value and (not literal or "as well as in its cache record" in str(each))
    }
    assert expected == found
    for each in explained:
        (result,) = world.results_of(each.name)
        kept = not each.forbidden if literal else each.persist.value
        assert kept is (result is not None)
