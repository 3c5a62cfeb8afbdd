"""The best form for each value: which one is chosen, and that references name it."""

from __future__ import annotations

import json
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from core.tests.builtin import arrays

import holdall
from holdall import HoldallWarning, load_result, task
from holdall.abc import Serializer
from holdall.builtin.auto import AutoSerializer
from holdall.builtin.candidates import candidates
from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import ConfigurationError, SerializationError, UntrustedResultError
from holdall.results.references import from_json
from holdall.results.store import ResultStore
from holdall.testing.distributions import on_path, registrations_undone, write_distribution
from holdall.testing.sources import BytesSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.types import Parts, Source


class Model:
    """Nothing but pickle has a form for it."""

    def __init__(self, weight: int = 3) -> None:
        self.weight = weight

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.weight == other.weight

    __hash__ = None  # type: ignore[assignment]


class Better(Model):
    """A subclass of it."""


@dataclass
class Trained:
    """Has a form, and a part that has a better one."""

    name: str
    weights: Any


class ModelSerializer(Serializer):
    """Keeps models as their weight."""

    slug: ClassVar[str] = "model"
    media_type: ClassVar[str] = "text/plain"
    suffix: ClassVar[str] = ".model"
    cls: ClassVar[type[Model]] = Model

    def dump(self, obj: Any, /) -> Parts:
        return [str(obj.weight).encode()]

    def load(self, source: Source, /) -> Any:
        return self.cls(int(bytes(source.buffer())))


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    with registrations_undone():
        arrays.register()
        yield


def chosen(value: Any) -> str:
    return AutoSerializer().dump_as(value)[0].slug


def back(value: Any, serializer: AutoSerializer | None = None) -> Any:
    codec, parts = (serializer or AutoSerializer()).dump_as(value)
    return codec.load(BytesSource(b"".join(parts)))


@pytest.mark.parametrize(
    ("value", "slug"),
    [
        ("text", "text"),
        ("", "json"),
        ("\ud800", "pickle"),
        (b"bytes", "bytes"),
        (bytearray(b"bytes"), "bytes"),
        (b"", "json"),
        (3, "json"),
        ({"a": [1, (2, 3)]}, "json"),
        (OrderedDict(a=1), "json"),
        ({"short": b"bytes"}, "json"),
        (Model(), "pickle"),
        ({"model": Model()}, "pickle"),
    ],
)
def test_the_form_follows_the_value(value: Any, slug: str) -> None:
    """And it comes back as it was."""
    assert slug == chosen(value)
    found = back(value)
    assert type(value) is type(found)
    assert value == found


@pytest.mark.parametrize("value", [np.arange(6).reshape(2, 3), np.array(1.5), np.zeros(0)])
def test_arrays_are_npy_files(value: Any) -> None:
    """Of any shape."""
    assert "numpy" == chosen(value)
    assert np.array_equal(value, back(value))


def test_what_a_serializer_refuses_goes_to_the_next() -> None:
    """An array of objects is no .npy file."""
    assert "pickle" == chosen(np.array([Model()]))


def test_a_container_is_split() -> None:
    """Each leaf in its own form, each object once; the rest is JSON; what nothing else takes is pickled."""
    array = np.arange(20_000.0)
    value = {"a": array, "again": [array], "text": "t", "data": b"x" * 70_000, "model": Model(), "n": np.zeros(3)}

    assert "bundle" == chosen(value)
    found = back(value)
    assert np.array_equal(array, found["a"])
    assert found["again"][0] is found["a"]
    assert found["a"].flags.writeable
    assert ("t", b"x" * 70_000, Model()) == (found["text"], found["data"], found["model"])
    assert np.array_equal(np.zeros(3), found["n"])


def test_a_field_of_a_dataclass_is_a_leaf() -> None:
    """Wherever a form has values inside."""
    found = back(Trained("net", np.arange(9)))

    assert "net" == found.name
    assert np.array_equal(np.arange(9), found.weights)


def test_small_parts_beside_a_pickle_are_not_split() -> None:
    """One pickle does for all of them."""
    assert "pickle" == chosen({"model": Model(), "array": np.zeros(3)})


def test_a_cycle_is_pickled() -> None:
    """JSON has none."""
    value: list[Any] = [np.zeros(100_000)]
    value.append(value)

    assert "pickle" == chosen(value)


def test_without_pickle_the_path_is_named() -> None:
    """And what would do."""
    with pytest.raises(SerializationError, match=r'result\["model"\] is a .*Model.*register') as caught:
        AutoSerializer(pickle=False).dump({"model": Model(), "array": np.zeros(100_000)})

    assert 'result["model"]' == caught.value.path


def test_registered_for_a_type_is_first() -> None:
    """For subclasses as well, but not before what is registered for these."""

    class BetterSerializer(ModelSerializer):
        slug = "better"
        cls = Better

    holdall.register(ModelSerializer, types=[Model])
    before = chosen(Better())
    holdall.register(BetterSerializer, types=[f"{__name__}.Better"])

    assert ("model", "model", "better") == (chosen(Model()), before, chosen(Better()))
    assert Model(7) == back(Model(7))
    assert "bundle" == chosen([Model(1), Model(2)])
    assert [Model(1), Model(2)] == back([Model(1), Model(2)])


def test_of_several_the_priority_decides() -> None:
    """Then the name."""

    class Urgent(ModelSerializer):
        slug = "urgent"
        priority = 1

    class Another(ModelSerializer):
        slug = "another"

    for each in (ModelSerializer, Another, Urgent):
        holdall.register(each, types=[Model])

    assert ["urgent", "another", "model"] == [codec.slug for codec in candidates(Model)]


def test_an_installed_plugin_says_which_types_it_is_for(tmp_path: Path) -> None:
    """By their full names, without being imported for others; one that is broken is passed over with a warning."""
    write_distribution(
        tmp_path,
        "holdall-model",
        entry_points={
            "holdall.serializers": {"model": "model_plugin:ModelSerializer", "broken": "broken_plugin:Broken"},
            "holdall.types": {
                f"{__name__}.Model": "model_plugin:ModelSerializer",
                f"{__name__}.Better": "broken_plugin:Broken",
            },
        },
        modules={
            "model_plugin": f"from {__name__} import ModelSerializer\n",
            "broken_plugin": "raise RuntimeError('no')\n",
        },
    )
    with on_path(tmp_path):
        assert "model" == chosen(Model())
        with pytest.warns(HoldallWarning, match=r"Results of type .*Better are kept without holdall-model .* no\."):
            assert "model" == chosen(Better())
        assert "model" == chosen(Better())  # said once


def test_only_serializers_are_for_types() -> None:
    """A storage is not."""
    from holdall.builtin.memory import MemoryFileSystem

    with pytest.raises(ConfigurationError, match="cannot be registered for types"):
        holdall.register(MemoryFileSystem, types=[Model])


def test_a_choice_is_looked_up_once() -> None:
    """Later ones are one look into a dictionary; a registration makes them look again."""
    first = candidates(Model)

    assert first is candidates(Model)
    holdall.register(ModelSerializer, types=[Model])
    assert "model" == candidates(Model)[0].slug


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    return tmp_path


def test_references_and_records_name_what_was_chosen(place: Path) -> None:
    """So that whoever reads needs no guess, and no auto."""
    keep = task(persist_result=True, result_serializer="auto", return_state=True, cache_result_in_memory=False)
    state = keep(lambda: np.arange(5000))()

    assert "numpy" == state.reference.serializer.type
    assert "numpy" == json.loads(state.reference.json())["serializer"]["type"]
    [payload] = place.glob(".holdall-results/payloads/**/*.npy")
    assert np.array_equal(np.arange(5000), np.load(payload))
    assert np.array_equal(np.arange(5000), load_result(run=state.run_id))
    assert np.array_equal(np.arange(5000), state.reference.get())


@pytest.mark.parametrize("value", [{"a": 1}, "text", [np.zeros(5)], Model()], ids=["json", "text", "bundle", "pickle"])
def test_a_cached_call_hits(value: Any, place: Path) -> None:
    """The reference of a hit names what the record says, in this process and in the catalog."""
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", result_serializer="auto", cache_result_in_memory=False)
    def cached() -> Any:
        ran.append(1)
        return value

    states = [cached.with_options(return_state=True)() for _ in range(2)]

    assert [1] == ran
    assert states[1].cached
    assert chosen(value) == states[1].reference.serializer.type == states[0].reference.serializer.type
    assert str(value)[:5] == str(states[1].result())[:5]


def test_a_name_gets_the_extension_of_the_form(place: Path) -> None:
    """As with a serializer that was named."""
    named = task(result_storage_key="out/{parameters[name]}", result_serializer="auto")

    @named
    def out(name: str, value: Any) -> Any:
        return value

    out("text", "hello")
    out("array", np.arange(3))
    out("both", {"a": np.arange(3)})

    assert "hello" == (place / ".holdall-results/out/text.txt").read_text()
    assert [0, 1, 2] == np.load(place / ".holdall-results/out/array.npy").tolist()
    assert ["leaves/0.npy", "result.json"] == zipfile.ZipFile(place / ".holdall-results/out/both.zip").namelist()
    assert "hello" == load_result(key="out/text", storage="./.holdall-results")


def test_a_reader_that_leaves_pickle_out_refuses_one(place: Path) -> None:
    """On its own, and inside a bundle; it may be accepted by name."""
    for value in (Model(), {"model": Model(), "array": np.zeros(100_000)}):
        writer = task(cache_key_fn=lambda *_: "k", result_serializer="auto", refresh_cache=True, return_state=True)
        reference = writer(lambda value=value: value)().reference
        reader = task(
            cache_key_fn=lambda *_: "k", result_serializer=AutoSerializer(pickle=False), cache_result_in_memory=False
        )(lambda: "computed anew")
        with pytest.warns(HoldallWarning, match="which may run code"):
            assert "computed anew" == reader()
        reference = writer(lambda value=value: value)().reference
        assert str(value)[:5] == str(from_json(reference.json()).get())[:5]
        store = ResultStore(reference._store.storage, JSONSerializer())
        with pytest.raises(UntrustedResultError, match=f"accept=.*{reference.serializer.type}"):
            store.read(reference.key)
        assert str(value)[:5] == str(store.read(reference.key, accept=["pickle"]))[:5]


def test_compressed_auto_is_recorded_as_what_it_chose(place: Path) -> None:
    """The record says compressed, and compressed what."""
    keep = task(persist_result=True, result_serializer="compressed/auto", return_state=True)
    reference = keep(lambda: ["a"] * 3000)().reference

    assert {"serializer": {"type": "json", "options": {}}} == dict(reference.serializer.options)
    assert list(place.glob(".holdall-results/**/*.json.gz")) or reference.get()


def given_array() -> np.ndarray[Any, Any]:
    """Says what it returns."""
    return np.zeros(3)


def anything() -> Any:
    """Does not."""


def models() -> Model:
    """Has no serializer of its own."""
    return Model()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (given_array, "for numpy.ndarray it takes numpy, else json, else pickle"),
        (anything, "it chooses by each value"),
        (models, f"for {__name__}.Model it takes json where that keeps all of the value"),
    ],
)
def test_explain_names_the_choice(body: Any, said: str) -> None:
    """By what the body says it returns."""
    told = str(task(persist_result=True, result_serializer="auto")(body).explain())

    assert f"It is serialised with auto: result_serializer is set on it (rule 1); {said}" in told


def test_auto_reads_nothing_itself() -> None:
    """Records name what wrote."""
    with pytest.raises(ConfigurationError, match="reads nothing itself"):
        AutoSerializer().load(BytesSource(b"x"))
