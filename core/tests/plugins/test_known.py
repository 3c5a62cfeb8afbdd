"""The plugins that messages name: each is a distribution of this repository, under the name that it has there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest

from holdall import flow, task
from holdall.errors import ConfigurationError, PluginMissingError
from holdall.plugins import registry
from holdall.plugins.known import KNOWN
from holdall.testing.distributions import absent

ROOT = Path(__file__).parents[3]
INSTALL = re.compile(r"pip install (?:-U )?['\"]?([A-Za-z0-9][\w.-]*\w(?:\[[\w,-]+\])?)")
KNOWN_HERE = [
    (kind, slug, distribution, cls) for kind, slugs in KNOWN.items() for slug, (distribution, cls) in slugs.items()
]
NOT_WRITTEN = [
    ("runners", "dask"),
    ("runners", "ray"),
    ("locks", "redis"),
    ("locks", "postgres"),
    ("catalogs", "postgres"),
]


def project(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", tomllib.loads(path.read_text("utf-8"))["project"])


def ours() -> dict[str, dict[str, dict[str, str]]]:
    """The distributions in `plugins/`, each with its entry points."""
    found = [project(path) for path in (ROOT / "plugins").glob("*/pyproject.toml")]
    return {each["name"]: each.get("entry-points", {}) for each in found}


def recommended(message: str) -> set[str]:
    """What the message says to install: distributions, and extras as `holdall[s3]`."""
    return set(INSTALL.findall(message))


def test_the_table_is_sorted() -> None:
    """So that two additions do not land on one line by accident."""
    assert sorted(KNOWN) == list(KNOWN)
    assert [sorted(slugs) for slugs in KNOWN.values()] == [list(slugs) for slugs in KNOWN.values()]


def test_the_table_has_the_entry_points_of_this_repository_and_no_others() -> None:
    """Whoever registers a name that is announced before it is taken gets code into other people's shells."""
    expected = {
        (group.removeprefix("holdall."), slug, distribution, target.rpartition(":")[2])
        for distribution, groups in ours().items()
        for group, entries in groups.items()
        # Commands are not looked up by name: without holdall-cli there is nothing that could miss one.
        if group.removeprefix("holdall.") in registry.KINDS and group != "holdall.cli"
        for slug, target in entries.items()
    }

    assert expected == set(KNOWN_HERE)


@pytest.mark.parametrize(("kind", "slug", "distribution"), [each[:3] for each in KNOWN_HERE])
def test_messages_recommend_what_is_in_this_repository(kind: Any, slug: str, distribution: str) -> None:
    """Where it is missing, and where a name is near that of a missing one."""
    extras = {f"holdall[{each}]" for each in project(ROOT / "core" / "pyproject.toml")["optional-dependencies"]}
    with absent(distribution):
        with pytest.raises(PluginMissingError) as missing:
            registry.load(kind, slug)
        with pytest.raises(ConfigurationError) as near:
            registry.load(kind, f"{slug}x")

    assert {distribution} == recommended(str(missing.value))
    assert recommended(str(near.value)) <= {*ours(), *extras}


@pytest.mark.parametrize(("kind", "slug"), NOT_WRITTEN)
def test_a_plugin_that_nobody_has_written_is_not_recommended(kind: Any, slug: str) -> None:
    """The message says what there is and how to add one, and names no package."""
    with pytest.raises(ConfigurationError) as caught:
        registry.load(kind, slug)

    message = str(caught.value)
    assert not isinstance(caught.value, PluginMissingError)
    assert set() == recommended(message)
    assert f"holdall-{slug}" not in message
    assert f"Installed: {', '.join(registry.names(kind))}." in message
    assert f"'holdall.{kind}'" in message


def test_a_task_runner_that_nobody_has_written_is_refused_at_the_call() -> None:
    """In words that lead to a runner: what is installed, and how to add one."""

    @task
    def one() -> int:
        return 1

    @flow(task_runner="dask")
    def all_of_them() -> int:
        return one.submit().result()

    with pytest.raises(ConfigurationError) as caught:
        all_of_them()

    assert str(caught.value) == (
        f"No task runner is called 'dask'. Installed: {', '.join(registry.names('runners'))}. To add one, point an entry "
        "point of the group 'holdall.runners' at a subclass of holdall.abc.TaskRunner, or pass an instance as task_runner."
    )
