"""OrjsonSerializer: the JSON of the core's serializer, by a shorter way."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
import tracemalloc
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import CorruptResultError, HoldallError, SerializationError, UntrustedResultError
from holdall.testing.serializers import SerializerContract
from holdall.testing.sources import BytesSource
from holdall.testing.typed import Colour, Point, typed_values
from holdall_orjson import OrjsonSerializer
from holdall_orjson.encoder import encode_plain

VECTORS = Path(__file__).parents[3] / "tests" / "vectors" / "json-v1"
"""The golden files of the JSON format: this plugin has none of its own."""

CORE = JSONSerializer(jsonlib="orjson")


class Small(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    YES = "yes"


def write(value: Any) -> bytes:
    return b"".join(OrjsonSerializer().dump(value))


def read(data: bytes) -> Any:
    return OrjsonSerializer().load(BytesSource(data))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class TestContract(SerializerContract):
    @pytest.fixture
    def serializer(self) -> OrjsonSerializer:
        return OrjsonSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [*typed_values().values(), "x" * 300_000, [0.5] * 2049, {str(i): {"n": [i, (i,)]} for i in range(300)}]


@pytest.mark.parametrize("name", sorted(typed_values()))
def test_it_is_the_json_of_the_core(name: str) -> None:
    """Byte for byte what the core writes with orjson; each reads the other, and the format's golden files."""
    value = typed_values()[name]
    core = b"".join(CORE.dump(value))

    assert core == write(value)
    assert value == read(core) == JSONSerializer().load(BytesSource(write(value)))
    assert value == read((VECTORS / f"{name}.json").read_bytes())


ALTERED = [
    (1, 2),
    [[1.5, (1,)]],
    {"a": {"b": [{}, ()]}},
    uuid.UUID(int=1),
    [uuid.UUID(int=1)],
    {"a": Small.ONE},
    [Word.YES, "yes"],
    [Colour.RED],
    [None, float("nan")],
    {"a": [1, {"b": float("inf")}]},
    -float("inf"),
    Point(1.0, 2),
    OrderedDict(a=1),
    {"$type": "tuple", "value": []},
    [{"a": {"$type": 1}}],
    {1: 2},
    [2**64, 1],
    [datetime(2024, 1, 1, tzinfo=UTC)],
    b"bytes",
]


@pytest.mark.parametrize("value", ALTERED, ids=repr)
def test_what_orjson_would_alter_is_seen(value: Any) -> None:
    """However deep it lies, it takes the long way."""
    assert encode_plain(value) is None
    assert b"".join(CORE.dump(value)) == write(value)


@pytest.mark.parametrize(
    "value",
    [None, 1, 1.5, "null", [], {}, nested(250), [{"a": [None, 1.5]}, {"a": []}] * 3, {"a": "x$type", "null": [0.5]}],
    ids=lambda value: repr(value)[:30],
)
def test_plain_data_takes_the_short_way(value: Any) -> None:
    """The same bytes, and no walk."""
    assert encode_plain(value) == b"".join(CORE.dump(value)) == orjson.dumps(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [np.zeros(3)]}, 'result["a"][0]'),
        ([1, np.float64(2)], "result[1]"),
        ([orjson.Fragment(b"[")], "result[0]"),
        (["\ud800"], "result[0]"),
        ([{1: object()}], "result[0][1]"),
    ],
)
def test_refusals_are_the_cores(value: Any, path: str) -> None:
    """With the place, and a serializer that would do."""
    with pytest.raises(SerializationError, match='result_serializer="pickle"') as caught:
        write(value)

    assert path == caught.value.path


def test_nesting_has_an_end() -> None:
    """The format's own, a little before orjson's; cycles, however many ways round they have, run into it."""
    cycle: list[Any] = []
    cycle += [cycle, cycle]

    for value in (nested(251), nested(252)[0], nested(2000), cycle):
        assert encode_plain(value) is None
        with pytest.raises(SerializationError):
            write(value)


def test_other_readers_see_the_data() -> None:
    """It is JSON."""
    value = {"a": [1, None, "é", 0.5]}

    assert value == orjson.loads(write(value)) == json.loads(write(value))


@pytest.mark.parametrize("data", [b"", b"{", b"nul", b'"\xff"', b"[1] x", b"NaN", b"[" * 100_000, b'{"$type":"x"}'])
def test_bytes_that_no_writer_made_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptResultError):
        read(data)


def test_classes_need_trust() -> None:
    """A module that is not imported stays so, however its tag is spelt."""
    for tag in (b"$type", b"\\u0024type"):
        with pytest.raises(UntrustedResultError, match=r"accept=\['antigravity'\]"):
            read(b'{"%b":"dataclass","class":"antigravity:Thing","value":{}}' % tag)


def test_memory_is_that_of_orjson() -> None:
    """The check of a large result adds little to its bytes, and reading makes no second copy of them."""
    value = [{"n": i, "text": "x" * 100} for i in range(20_000)]
    data = orjson.dumps(value)
    peaks = {}
    for name, call in {
        "raw dump": lambda: orjson.dumps(value),
        "dump": lambda: OrjsonSerializer().dump(value),
        "raw load": lambda: orjson.loads(memoryview(data)),
        "load": lambda: read(data),
    }.items():
        tracemalloc.start()
        call()
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peaks["dump"] < 1.2 * peaks["raw dump"] + 1_000_000
    assert peaks["load"] < 1.2 * peaks["raw load"] + 2 * 1_100_000


def test_orjson_is_imported_with_the_first_value() -> None:
    """Not with the package, and not with the serializer."""
    code = (
        "import sys, holdall_orjson; s = holdall_orjson.OrjsonSerializer(); print('orjson' in sys.modules, s.dump([1]))"
    )

    assert "False [b'[1]']\n" == subprocess.check_output([sys.executable, "-c", code], text=True)


def test_it_is_found_by_its_slug() -> None:
    """The entry point."""
    (found,) = entry_points(group="holdall.serializers", name="orjson")

    assert OrjsonSerializer is found.load()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Small.ONE) | st.just("$type"),
    lambda inner: (
        st.lists(inner, max_size=80)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.just("$type"), inner)
        | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=60,
)


@given(VALUES)
def test_any_value_is_written_as_the_core_writes_it(value: Any) -> None:
    """Tuples, enums, numbers of any kind, keys of any kind, at any place."""
    assert b"".join(CORE.dump(value)) == write(value)


@given(st.sampled_from(sorted(typed_values())), st.integers(0), st.binary(min_size=1, max_size=6))
def test_hostile_bytes_fail_cleanly(name: str, place: int, noise: bytes) -> None:
    """Whatever stands where, the answer is a value or one of our errors."""
    data = bytearray(write(typed_values()[name]))
    start = place % len(data)
    data[start : start + len(noise)] = noise
    try:
        read(bytes(data))
    except HoldallError:
        return
