"""What the mission says in prose, in its order; each test's docstring is the sentence."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest
from tests.mission.world import names

from holdall import PersistenceRequiredError, ResultLiteral, ResultReference, State, flow, task
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.results import from_json
from holdall.serializers import JSONSerializer, PickleSerializer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mission.world import World

LITERALS = [(None, "null"), (True, "true"), (False, "false")]


def test_data_passes_with_nothing_configured(world: World) -> None:
    """Data passes between tasks and even between subflows, with no result backend; it just works."""

    @task
    def numbers() -> list[int]:
        return [1, 2, 3]

    @task
    def total(given: list[int], more: dict[str, Any]) -> int:
        return sum(given) + sum(sum(each) for each in more.values())

    @flow
    def inner(given: list[int]) -> Any:
        return numbers.submit().result() + given

    @flow
    def outer() -> int:
        return total(numbers(), {"a": inner(numbers.submit()), "b": numbers.submit()})  # type: ignore[arg-type]

    assert 6 + 12 + 6 == outer()
    assert [] == world.local
    assert [] == world.references
    assert {"completed"} == {run.state for run in world.runs}


def test_only_a_reference_is_in_the_catalog(world: World) -> None:
    """Only a reference to the result is stored: the storage block and the location in it, never the data."""
    secret = "private information"

    @flow(persist_result=True, result_storage=LocalFileSystem(basepath="mine"))
    def mine() -> str:
        return secret

    mine()

    (result,) = world.results_of("mine")
    assert result is not None
    assert {"type", "key", "run_id", "storage", "serializer"} == result.keys()
    assert str(world.directory / "mine") == result["storage"]["location"]["basepath"]
    assert (world.directory / "mine" / result["key"]).is_file()
    assert all(secret.encode() not in file.read_bytes() for file in world.home.iterdir() if file.is_file())


@pytest.mark.parametrize(("value", "text"), LITERALS)
def test_literals_are_in_the_catalog(world: World, value: bool | None, text: str) -> None:
    """Booleans and nulls are stored in the catalog directly, and nothing of them in storage."""

    @task(persist_result=True)
    def said() -> bool | None:
        return value

    @flow
    def around() -> None:
        said()

    around()

    assert [{"type": "result", "value": text}] == world.results_of("said")
    assert [] == world.local
    assert [] == world.references


@pytest.mark.parametrize("value", [None, True, False])
def test_false_disables_literals_too(world: World, value: bool | None) -> None:
    """This can be disabled by setting persist_result to False."""

    @task(persist_result=False)
    def said() -> bool | None:
        return value

    @flow(persist_result=False)
    def around() -> bool | None:
        return said()

    assert value is around()
    assert [None] == world.results_of("said")
    assert [None] == world.results_of("around")


@pytest.mark.parametrize("value", [1, 0, 1.0, "", "null", [], {}, (), b"", float("nan")])
def test_only_these_three_are_literals(world: World, value: Any) -> None:
    """Booleans and nulls, and nothing that only looks like them."""

    @flow(persist_result=True)
    def said() -> Any:
        return value

    said()

    assert ["said"] == names(world.local)
    assert ["said"] == world.references


def test_cache_keys_need_persistence(world: World) -> None:
    """Task cache keys require results persistence: it is enabled when needed, and the second call is a hit."""
    calls = []

    @task(cache_key_fn=lambda _, parameters: f"key-{parameters['n']}")
    def counted(n: int) -> str:
        calls.append(n)
        return f"{n}"

    assert ["1", "1", "2"] == [counted(1), counted(1), counted(2)]
    assert [1, 2] == calls
    assert ["counted", "counted"] == names(world.local)


@pytest.mark.parametrize("kind", [task, flow])
def test_retries_need_persistence(world: World, kind: Any) -> None:
    """Flow and task retries require results persistence: it is enabled when needed."""

    def at_last() -> str:
        return "at last"

    patient = kind(name="patient", retries=1)(at_last)

    @flow
    def around() -> None:
        patient()

    around()

    assert ["patient"] == names(world.local)


def test_true_persists_with_no_feature_that_needs_it(world: World) -> None:
    """With True, results are persisted even if there is no feature that would require it."""

    @task(persist_result=True)
    def kept() -> str:
        return "kept"

    kept()

    assert ["kept"] == names(world.local)


def test_false_never_persists_and_raises_where_a_feature_needs_it(world: World) -> None:
    """With False, results are NEVER persisted even if a feature could require it; then an error is raised."""
    calls = []

    @task(persist_result=False, cache_key_fn=lambda _, __: "key")
    def cached() -> str:
        calls.append("cached")
        return "value"

    @task(persist_result=False, retries=1)
    def retried() -> str:
        calls.append("retried")
        raise ValueError("no luck")

    with pytest.raises(PersistenceRequiredError, match=r"cached.*cache_key_fn.*persist_result=False"):
        cached()
    with pytest.raises(PersistenceRequiredError, match=r"retried.*retries.*persist_result=False"):
        retried()

    assert ["retried"] == calls
    assert [] == world.local


@pytest.mark.parametrize("said", [True, False])
def test_toggling_overrides_everything_else(world: World, monkeypatch: pytest.MonkeyPatch, said: bool) -> None:
    """Toggling persistence manually will always override any default or inferred behaviour."""
    monkeypatch.setenv("HOLDALL_RESULTS_PERSIST_BY_DEFAULT", str(not said))

    @task(persist_result=said, retries=1, result_storage="./own")
    def toggled() -> str:
        return "value"

    @flow(persist_result=not said)
    def around() -> None:
        toggled()

    around()

    assert (["toggled"] if said else []) == names(world.in_folder(world.directory / "own"))


@pytest.mark.services
def test_storage_by_slug(s3_world: World) -> None:
    """result_storage is configured by the block_type/block_name slug."""

    @task(persist_result=True, result_storage="s3/prod")
    def kept() -> str:
        return "value"

    kept()

    assert ["kept"] == names(s3_world.prod)


def test_storage_by_an_instance_that_was_never_saved(world: World) -> None:
    """result_storage is configured by a specific block that is not saved anywhere."""
    block = MemoryFileSystem(namespace="never-saved")

    @task(persist_result=True, result_storage=block)
    def kept() -> str:
        return "value"

    kept()

    assert 1 == len(list(block.scan()))
    assert [] == world.local
    block.clear()


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_serializer_by_name(world: World, serializer: str) -> None:
    """A string of a serializer type corresponds to an instance with default values."""
    instance = {"json": JSONSerializer(), "pickle": PickleSerializer()}[serializer]

    @task(persist_result=True, result_serializer=serializer)
    def by_name() -> list[int]:
        return [1]

    @task(persist_result=True, result_serializer=instance)
    def by_instance() -> list[int]:
        return [1]

    by_name()
    by_instance()

    first, second = (each.document for each in world.local)
    assert first["serializer"] == second["serializer"]
    assert first["data"] == second["data"]


def test_pickle_uses_cloudpickle_by_default(world: World) -> None:
    """The pickle serializer uses cloudpickle to support more types: lambdas, closures, local classes."""
    factor = 3

    class Local:
        def __init__(self, n: int) -> None:
            self.n = n

    @flow(persist_result=True, cache_result_in_memory=False)
    def odd() -> Any:
        return (lambda n: n * factor), Local(5), Local

    state: Any = odd.with_options(return_state=True)()
    function, made, kind = state.result()

    assert 6 == function(2)
    assert (5, True) == (made.n, isinstance(made, kind))
    (kept,) = world.local
    assert cloudpickle.__version__ == kept.document["serializer"]["written_with"]["version"]


def test_an_alternative_pickle_library(world: World, monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    """Alternative pickle libraries can be specified."""
    monkeypatch.syspath_prepend(request.path.with_name("modules"))

    @flow(
        persist_result=True, result_serializer=PickleSerializer(picklelib="custompickle"), cache_result_in_memory=False
    )
    def customised() -> list[int]:
        return [1, 2]

    state: State[Any] = customised.with_options(return_state=True)()

    assert [1, 2] == state.result()
    (kept,) = world.local
    assert b"custom:" == kept.data[:7]


def test_json_text_is_human_readable(world: World) -> None:
    """Serialized objects are human readable, and can be shared across languages."""

    @flow(persist_result=True, result_serializer="json")
    def report() -> dict[str, Any]:
        return {"who": "Zoë", "scores": [1, 2.5], "done": True}

    report()

    (kept,) = world.local
    assert {"who": "Zoë", "scores": [1, 2.5], "done": True} == kept.data
    (file,) = (world.directory / ".holdall-results").rglob("*.json")
    assert '"who"' in file.read_text()


def test_an_alternative_json_library(world: World) -> None:
    """Alternative JSON libraries can be specified: jsonlib="orjson"."""

    @flow(persist_result=True, result_serializer=JSONSerializer(jsonlib="orjson"))
    def report() -> dict[str, int]:
        return {"a": 1}

    report()

    (kept,) = world.local
    assert {"a": 1} == kept.data
    assert "orjson" == kept.document["serializer"]["options"]["jsonlib"]


def test_the_task_uses_the_storage_and_serializer_of_the_flow(world: World) -> None:
    """Tasks use the result storage and serializer configured on the flow, unless otherwise specified."""

    @task
    def follows() -> str:
        return "a"

    @task(result_storage="./own", result_serializer="pickle")
    def differs() -> str:
        return "b"

    @flow(persist_result=True, result_storage="./flows", result_serializer="json")
    def around() -> None:
        follows()
        differs()

    around()

    assert [("follows", "json")] == _named(world, "flows")
    assert [("differs", "pickle")] == _named(world, "own")


def test_results_without_a_context_go_to_the_working_directory(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no context, results are stored in .holdall-results in the run's working directory as the outermost began."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    @task(persist_result=True)
    def kept() -> str:
        return "value"

    @flow
    def wanders() -> None:
        monkeypatch.chdir(elsewhere)
        kept()

    wanders()

    assert ["kept"] == names(world.local)
    assert [] == list(elsewhere.iterdir())
    kept()
    assert ["kept"] == names(world.in_folder(elsewhere / ".holdall-results"))


def test_the_serializer_of_the_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no context, the serializer named by HOLDALL_RESULTS_DEFAULT_SERIALIZER is used; it defaults to pickle."""

    @task(persist_result=True)
    def kept() -> str:
        return "value"

    kept()
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_SERIALIZER", "json")
    kept()

    assert ["json", "pickle"] == sorted(each.serializer for each in world.local)


def test_default_persistence_retries_without_data(world: World) -> None:
    """persist_result is None by default, and enables persistence when needed only."""

    @task
    def plain() -> str:
        return "value"

    @flow
    def around() -> str:
        return plain()

    around()

    assert [] == world.local
    assert [None] == world.results_of("plain")
    assert [None] == world.results_of("around")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("keep", [True, False])
def test_result_calls_get(monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    """result() on states and futures calls get() to return the value."""
    asked: list[str] = []
    real: Callable[..., Any] = ResultReference.get

    def get(self: ResultReference, **options: Any) -> Any:
        asked.append(self.key)
        return real(self, **options)

    monkeypatch.setattr(ResultReference, "get", get)

    @task(persist_result=True, cache_result_in_memory=keep)
    def kept() -> list[int]:
        return [1]

    state: State[list[int]] = kept.with_options(return_state=True)()
    future = kept.submit()

    assert [1] == state.result() == future.result()
    keys = [each.reference.key for each in (state, future.state()) if isinstance(each.reference, ResultReference)]
    assert 2 == len(keys)
    assert keys == asked


@pytest.mark.parametrize(("value", "text"), LITERALS)
def test_the_json_of_a_literal(value: bool | None, text: str) -> None:
    """ResultLiteral(value=None).json() is {"type": "result", "value": "null"}, and the value JSON in it."""
    literal = ResultLiteral(value=value)

    assert f'{{"type": "result", "value": "{text}"}}' == literal.json()
    assert value is json.loads(json.loads(literal.json())["value"])
    assert value is literal.get()
    assert literal == from_json(literal.json())


def test_what_a_reference_contains(world: World) -> None:
    """ResultReference: key, storage, serializer type and configuration."""

    @flow(persist_result=True, result_serializer=JSONSerializer(jsonlib="orjson"))
    def kept() -> str:
        return "value"

    reference = kept.with_options(return_state=True)().reference

    assert isinstance(reference, ResultReference)
    document = json.loads(reference.json())
    assert "reference" == document["type"]
    assert (world.directory / ".holdall-results" / reference.key).is_file()
    assert "local-file-system" == reference.storage.type
    assert ("json", {"jsonlib": "orjson"}) == (reference.serializer.type, dict(reference.serializer.options))
    assert [document] == world.results_of("kept")


def test_get_retrieves_deserialises_and_caches(world: World) -> None:
    """get() retrieves the data from storage, deserialises it, returns the object, and caches it for later calls."""

    @flow(persist_result=True)
    def kept() -> list[int]:
        return [1, 2]

    reference = kept.with_options(return_state=True)().reference
    assert isinstance(reference, ResultReference)
    fresh = pickle.loads(pickle.dumps(reference))

    first = fresh.get()
    for file in (world.directory / ".holdall-results").rglob("*.json"):
        file.unlink()

    assert [1, 2] == first
    assert first is fresh.get()


def test_a_reference_works_in_another_process(world: World) -> None:
    """A reference contains all that is needed to retrieve the result from storage: in another process too."""

    @flow(persist_result=True)
    def kept() -> dict[str, int]:
        return {"a": 1}

    reference = kept.with_options(return_state=True)().reference
    assert isinstance(reference, ResultReference)
    script = "import sys; from holdall.results import from_json; print(from_json(sys.argv[1]).get())"

    done = subprocess.run(
        [sys.executable, "-c", script, reference.json()], capture_output=True, text=True, check=True, cwd=world.home
    )

    assert "{'a': 1}" == done.stdout.strip()


def _named(world: World, folder: str) -> list[tuple[str, str]]:
    return [(each.name, each.serializer) for each in world.in_folder(world.directory / folder)]
