"""Every Python block of the mission runs as it stands, its flow is called, and storage and catalog are looked at."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from tests.mission.examples import EXAMPLES, run
from tests.mission.world import names

from holdall.serializers import JSONSerializer, PickleSerializer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mission.world import World

NONE = {"type": "result", "value": "null"}

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def custompickle(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The module that an example names."""
    modules: Path = request.path.with_name("modules")
    monkeypatch.syspath_prepend(modules)


@pytest.fixture(autouse=True, params=[None, "some_module", "__main__"], ids=["bare", "module", "main"])
def module(request: pytest.FixtureRequest) -> str | None:
    """Where the example's functions believe to be."""
    found: str | None = request.param
    return found


def test_the_examples_are_kept_to_the_letter() -> None:
    """Ten blocks, blanks at the ends of lines included: an editor or formatter that tidies them changes the mission."""
    text = "\n".join(EXAMPLES.values())

    assert 10 == len(EXAMPLES)
    assert "6c90c39372c272c0" == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_toggling_persistence(s3_world: World, module: str | None) -> None:
    """A task that says False keeps not even its None; the flow that says True keeps its None in the catalog."""
    run("toggling persistence", module=module)

    assert [None] == s3_world.results_of("my_task")
    assert [NONE] == s3_world.results_of("my_flow")
    assert [] == s3_world.local
    assert [] == s3_world.references


def test_storage_by_slug(s3_world: World, module: str | None) -> None:
    """The task uses the flow's storage; the flow's None needs no object."""
    run("storage by slug", module=module)

    assert ["my_task"] == names(s3_world.prod)
    assert ["my_task"] == s3_world.references
    assert [NONE] == s3_world.results_of("my_flow")
    assert [] == s3_world.local


def test_storage_by_block(s3_world: World, module: str | None) -> None:
    """The task's own anonymous block wins; the flow's None leaves its folder empty."""
    run("storage by block", module=module)

    assert ["my_task"] == names(s3_world.in_bucket("path"))
    assert [] == s3_world.above
    assert [] == s3_world.local
    assert [] == s3_world.prod
    assert ["my_task"] == s3_world.references
    assert [NONE] == s3_world.results_of("my_flow")


def test_q1(s3_world: World, module: str | None) -> None:
    """The task infers its settings from the flow and is kept in S3."""
    run("Q1", module=module)

    assert ["my_task"] == names(s3_world.prod)
    assert "s3/prod" == s3_world.prod[0].document["storage"]["slug"]
    assert ["my_task"] == s3_world.references
    assert [NONE] == s3_world.results_of("my_flow")
    assert [] == s3_world.local


def test_q2(s3_world: World, module: str | None) -> None:
    """The task says False and does not fail, so nothing of it is kept and nothing is wrong."""
    run("Q2", module=module)

    assert [None] == s3_world.results_of("my_task")
    assert [NONE] == s3_world.results_of("my_flow")
    assert [] == s3_world.prod
    assert [] == s3_world.references
    assert [] == s3_world.local


def test_q3(s3_world: World, module: str | None) -> None:
    """Both return None: two literals in the catalog, and no storage is touched."""
    run("Q3", module=module)

    assert [NONE] == s3_world.results_of("my_flow")
    assert [NONE] == s3_world.results_of("my_task")
    assert [] == s3_world.local
    assert [] == s3_world.references


def test_serializers(s3_world: World, module: str | None) -> None:
    """The task's own pickle wins over the flow's JSON."""
    run("serializers", module=module)

    (kept,) = s3_world.in_bucket("path")
    assert ("my_task", "pickle") == (kept.name, kept.serializer)
    assert [] == s3_world.above
    assert [NONE] == s3_world.results_of("my_flow")
    assert ["my_task"] == s3_world.references


def test_pickle_serializer(s3_world: World, module: str | None) -> None:
    """An alternative pickle library."""
    import custompickle  # type: ignore[import-not-found]

    run("pickle serializer", module=module)

    (written,) = PickleSerializer(picklelib="custompickle").dump(["a"])
    assert custompickle.dumps(["a"]) == bytes(written)
    assert not s3_world.home.joinpath("catalog.db").exists() or [] == s3_world.runs


def test_json_serializer(s3_world: World, module: str | None) -> None:
    """An alternative JSON library."""
    run("json serializer", module=module)

    assert {"a": [1, 2]} == json.loads(b"".join(JSONSerializer(jsonlib="orjson").dump({"a": [1, 2]})))
    assert [] == s3_world.local


def test_literal(s3_world: World, module: str | None) -> None:
    """Its JSON is exactly what the comment in the example says."""
    namespace = run("literal", module=module)

    assert '{"type": "result", "value": "null"}' == namespace["result"].json()
    assert [] == s3_world.local
