"""Instances of users' classes come back by their layout: all that they hold, and nothing of the class has run."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.trust import kinds
from tests.trust.kinds import Keeping, Right

from holdall.builtin.auto import AutoSerializer
from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import SerializationError
from holdall.testing.sources import BytesSource
from holdall_msgpack import MsgpackSerializer
from holdall_orjson import OrjsonSerializer

SERIALIZERS: list[Any] = [JSONSerializer(), JSONSerializer(jsonlib="orjson"), OrjsonSerializer(), MsgpackSerializer()]
VECTORS = Path(__file__).parents[1] / "vectors" / "json-v1"


def back(serializer: Any, value: Any) -> Any:
    return serializer.load(BytesSource(b"".join(serializer.dump(value))))


def with_(obj: Any, **state: Any) -> Any:
    for name, value in state.items():
        object.__setattr__(obj, name, value)
    return obj


def held(obj: Any) -> dict[str, Any]:
    """What it holds, in its dict and its slots."""
    found = dict(getattr(obj, "__dict__", {}))
    for base in type(obj).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__weakref__", "__dict__"} and hasattr(obj, name):
                found[name] = getattr(obj, name)
    return found


KEPT = {
    "attrs": kinds.Box(1, "x", kinds.Box(2)),
    "attrs-state": with_(kinds.OpenBox(3), more={"a": {1}}),
    "attrs-hash": kinds.HashedBox("x"),
    "dataclass-derived": kinds.Derived(2),
    "dataclass-slots-of-bases": with_(kinds.SlotChild(1), note=("kept",)),
    "dataclass-slot-unset": kinds.SlotChild(1),
    "dataclass-generic": kinds.GenericData[int](1),
    "dataclass-abstract": kinds.AbstractChild(1),
    "namedtuple": kinds.Pair(1, kinds.Pair(2)),
    "namedtuple-state": with_(kinds.OpenPair(1), note=[kinds.Status.OLD]),
    "enum": [kinds.Status.NEW, kinds.Status.OLD],
    "flags": [Right.READ, Right.BOTH, Right(0), Right.READ | Right.EXECUTE, ~Right.READ, kinds.Strict(5)],
    "flags-of-bounds": [kinds.Conforming(5), kinds.Ejecting(5), Keeping(5), Keeping(64), Keeping(65), Keeping(-2)],
    "model": with_(kinds.Model(number=1, x=(1,)), _private=b"p"),
    "model-unvalidated": kinds.Model.model_construct(number="no number", tags=None),
    "model-frozen": kinds.FrozenModel(pair=(1, 2)),
    "url": kinds.OwnUrl("https://example.org/a?b"),
    "members": [{kinds.Hashable(1), kinds.Hashable(2)}, {kinds.HashedBox("a"): 1}, {kinds.FrozenModel(pair=(1,))}],
    "keys": {kinds.Pair(1): 1, kinds.Status.NEW: 2, (kinds.Hashable(1),): 3, Right.BOTH: 4},
}


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=repr)
@pytest.mark.parametrize("name", KEPT)
def test_instances_come_back_with_all_that_they_hold(serializer: Any, name: str) -> None:
    """Fields, state beside them, what pydantic keeps apart; flags and members are the very objects of the class."""
    value = KEPT[name]
    made = back(serializer, value)

    assert value == made
    assert type(value) is type(made)
    if isinstance(value, list) and name.startswith(("enum", "flags")):
        assert [id(each) for each in value] == [id(each) for each in made]
    elif not isinstance(value, list | dict):
        expected = {key: each for key, each in held(value).items() if key not in {"__orig_class__", "_url"}}
        found = {key: each for key, each in held(made).items() if key != "_url"}
        assert expected | {"_attrs_cached_hash": None} == found | {"_attrs_cached_hash": None}


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=repr)
@pytest.mark.parametrize(
    ("value", "name"), [(kinds.LazyBox(2), "double"), (kinds.Derived(1), "large"), (kinds.Model(number=1), "shown")]
)
def test_values_of_cached_properties_are_dropped(serializer: Any, value: Any, name: str) -> None:
    """They are made anew, also where attrs keeps them in slots."""
    found = getattr(value, name)
    made = back(serializer, value)

    assert value == made
    assert name not in getattr(made, "__dict__", {})
    if name != "large":
        assert found == getattr(made, name)


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=repr)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (kinds.OwnNew(1), "has its own __new__"),
        (kinds.OwnState(1), "has its own __(set|get)state__"),
        (kinds.OwnReduce(1), "has its own __reduce__"),
        (kinds.OwnEnd(1), "has its own __del__"),
        (kinds.OwnNewPair(1), "has its own __new__"),
        (kinds.OwnMeta(1), "whose metaclass"),
        (kinds.OwnDict(1), "a __dict__ of its own making"),
        (kinds.OwnSetState(number=1), "has its own __setstate__"),
        ({kinds.OwnHash(1)}, "a hash of its own"),
        ({(1, (kinds.OwnHash(1),)): 1}, "a hash of its own"),
        ({kinds.Hashable(kinds.OwnHash(1))}, "a hash of its own"),  # type: ignore[arg-type] # a field may hold anything
        ({kinds.HashedWord.YES}, "a hash of its own"),
    ],
)
def test_classes_with_ways_of_their_own_are_refused(serializer: Any, value: Any, reason: str) -> None:
    """When they are written; `auto` goes on to what keeps them."""
    with pytest.raises(SerializationError, match=reason):
        list(serializer.dump(value))

    codec, _ = AutoSerializer().dump_as(value)
    assert "pickle" == codec.slug


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=repr)
@pytest.mark.parametrize(
    ("value", "path"),
    [
        (with_(kinds.Derived(1), lock=threading.Lock()), "result[0].lock"),
        (with_(kinds.SlotChild(1), note=threading.Lock()), "result[0].note"),
        (with_(kinds.OpenPair(1), lock=print), "result[0].lock"),
        (with_(kinds.Model(number=1), _private=print), "result[0]._private"),
        (kinds.Box(1, inner=print), "result[0].inner"),
    ],
)
def test_state_that_is_no_data_is_refused_with_its_path(serializer: Any, value: Any, path: str) -> None:
    """Wherever an instance keeps it."""
    with pytest.raises(SerializationError) as caught:
        list(serializer.dump([value]))

    assert path == caught.value.path


def read(text: str) -> Any:
    return JSONSerializer().load(BytesSource(text.replace("'", '"').replace("HERE", kinds.__name__).encode()))


def test_new_fields_take_plain_defaults_of_their_own() -> None:
    """As pydantic gives each instance a list of its own."""
    one, other = (read("{'$type':'model','class':'HERE:Grown','value':{}}") for _ in range(2))

    assert kinds.Grown() == one
    one.many.append(2)
    one.made.append(2)
    assert kinds.Grown() == other == kinds.Grown()


@pytest.mark.parametrize(("tag", "name"), [("model", "Calling"), ("dataclass", "CallingData"), ("attrs", "CallingBox")])
def test_a_default_that_a_function_makes_is_refused(tag: str, name: str) -> None:
    """The function is code of the class."""
    with pytest.raises(SerializationError, match="made by a function"):
        read(f"{{'$type':'{tag}','class':'HERE:{name}','value':{{}}}}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Strict", 2),
        ("Strict", 8),
        ("Strict", -100),
        ("Conforming", 2),
        ("Ejecting", 2),
        ("Right", 4),
        ("Right", 2**70),
    ],
)
def test_bits_that_a_flag_does_not_have_are_refused(name: str, value: int) -> None:
    """Never dropped, never turned into a number."""
    number = str(value) if abs(value) < 2**63 else f"{{'$type':'int','value':'{value:#x}'}}"
    with pytest.raises(SerializationError, match="does not have here"):
        read(f"{{'$type':'flag','class':'HERE:{name}','value':{number}}}")


def test_a_combination_is_the_one_that_the_class_has() -> None:
    """Made by the first reader, found by the program, and the other way round."""
    found = read("{'$type':'flag','class':'HERE:Right','value':10}")

    assert (Right.WRITE | Right.EXECUTE) is found
    assert read("{'$type':'flag','class':'HERE:Keeping','value':4097}") is Keeping(4097)
    assert kinds.Closed.A in read("{'$type':'flag','class':'HERE:Closed','value':3}")


VECTORS_OF_CLASSES = {
    "attrs": kinds.Box(1, "x", kinds.Box(2)),
    "dataclass-state": kinds.Derived(2),
    "namedtuple-state": with_(kinds.OpenPair(1), note=[1]),
}


@pytest.mark.parametrize("name", VECTORS_OF_CLASSES)
def test_vectors_are_written_and_read(name: str) -> None:
    """The format is public: these files do not change within a version of it."""
    stored = (VECTORS / f"{name}.json").read_bytes()
    value = VECTORS_OF_CLASSES[name]
    made = JSONSerializer().load(BytesSource(stored))

    assert stored.rstrip() == b"".join(JSONSerializer().dump(value))
    assert value == made
    assert held(value) == held(made)


def test_a_script_without_a_file_has_ways_of_its_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `python -c` runs is compiled as the methods of dataclasses are, and is the user's all the same."""
    module = ModuleType("script_without_a_file")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Own:\n    x: int\n    def __hash__(self): return 1\n"
        "@dataclass(frozen=True)\nclass Usual:\n    x: int\n"
    )
    exec(compile(source, "<string>", "exec"), module.__dict__)  # noqa: S102 - as the interpreter does with -c
    with pytest.raises(SerializationError, match="a hash of its own"):
        list(JSONSerializer().dump({module.Own(1)}))

    assert {module.Usual(1)} == back(JSONSerializer(), {module.Usual(1)})
