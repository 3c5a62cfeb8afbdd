"""The tagged forms of JSON: vectors that never change, hostile ones, and any nesting of them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import CorruptResultError, HoldallError, SerializationError, UntrustedResultError
from holdall.serialization.typed import FORMS
from holdall.testing.sources import BytesSource
from holdall.testing.typed import Colour, Numbers, Person, Plain, Point, Slotted, typed_values

VECTORS = Path(__file__).parents[4] / "tests" / "vectors" / "json-v1"
HERE = "holdall.testing.typed"
# Nested data is slow to draw where the machine has other work.
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(data: bytes, jsonlib: str = "json") -> Any:
    return JSONSerializer(jsonlib=jsonlib).load(BytesSource(data))


def write(value: Any, jsonlib: str = "json") -> bytes:
    return b"".join(JSONSerializer(jsonlib=jsonlib).dump(value))


def node(tag: Any, value: Any, **more: Any) -> bytes:
    return json.dumps({"$type": tag, "value": value, **more}).encode()


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down; 1 and True are not the same here."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            same(a, b) and same(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, Plain):
        return same(vars(one), vars(other))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - both are not a number


@pytest.mark.parametrize("jsonlib", ["json", "orjson"])
@pytest.mark.parametrize("name", sorted(typed_values()))
def test_vectors_are_written_and_read(name: str, jsonlib: str) -> None:
    """The format is public: these files do not change within a version of it."""
    value = typed_values()[name]
    stored = (VECTORS / f"{name}.json").read_bytes()

    if name != "set-mixed":  # its order is that of one process
        assert json.loads(stored) == json.loads(write(value, jsonlib))
    assert value == read(stored, jsonlib)
    assert type(value) is type(read(stored, jsonlib))


def test_every_form_has_a_vector() -> None:
    """A tag that is added comes with an example."""
    text = "".join(path.read_text(encoding="utf-8") for path in VECTORS.glob("*.json"))
    missing = {form.tag for form in FORMS if f'"$type":"{form.tag}"' not in text}

    assert {"custom", "windows-path"} == missing


def test_a_model_comes_back_whole() -> None:
    """Which fields were set, extras, private attributes; and it is as mutable as it was."""
    person = typed_values()["model"]
    made = read(write(person))

    assert person.model_fields_set == made.model_fields_set
    assert person.model_extra == made.model_extra
    assert 3 == made._visits
    made.balance = Decimal(5)
    assert {*person.model_fields_set, "balance"} == made.model_fields_set


def test_a_new_field_of_a_model_takes_its_default() -> None:
    """Results outlive classes."""
    assert Person(name="x") == read(node("model", {"name": "x"}, **{"class": f"{HERE}:Person"}))


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=40)
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones() | st.just(UTC))
    | st.timedeltas()
    | st.complex_numbers(allow_nan=False)
    | st.fractions()
    | st.sampled_from(list(Colour))
)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=9) | st.just("$type") | st.dates()
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.just("$type"), inner)
        | st.dictionaries(KEYS, inner)
        | st.builds(Point, inner, inner)
        | st.builds(Plain, st.integers(), inner)
    ),
    max_leaves=20,
)


@ANY_SPEED
@given(VALUES)
def test_any_nesting_comes_back(value: Any) -> None:
    """Written by one library and read by the other, both ways."""
    standard, other = write(value), write(value, "orjson")

    assert json.loads(standard) == json.loads(other)
    assert same(value, read(standard, "orjson"))
    assert same(value, read(other))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@ANY_SPEED
@given(
    st.sampled_from([form.tag for form in FORMS]),
    JSON,
    st.none()
    | st.sampled_from(
        ["Person", "Plain", "Point", "Colour", "Access", "Numbers", "Slotted", "typed_values", "x", "re"]
    ),
)
def test_hostile_forms_fail_cleanly(tag: str, payload: Any, name: str | None) -> None:
    """Whatever stands in a form, the answer is a value or one of our errors."""
    more = {} if name is None else {"class": f"{HERE}:{name}"}
    try:
        read(node(tag, payload, **more))
    except HoldallError as error:
        assert not isinstance(error, UntrustedResultError)  # noqa: PT017 - the module is imported


@pytest.mark.parametrize(
    "data",
    [
        b'{"$type":"tuple"}',
        node("nonesuch", 1),
        node(["tuple"], []),
        node(None, []),
        node("tuple", {}),
        node("tuple", [], more=1),
        node("tuple", [], **{"class": "a:B"}),
        node("int", "12x"),
        node("float", "1.5"),
        node("bytes", "é"),
        node("bytes", "YQ"),
        node("set", [1, 1]),
        node("set", [[]]),
        node("dict", [[1, 2], [1, 3]]),
        node("dict", ["ab"]),
        node("dict", [[[], 2]]),
        node("decimal", "1.2.3"),
        node("fraction", [1, 0]),
        node("fraction", [1.5, 2]),
        node("datetime", "yesterday"),
        node("datetime", "2024-01-01T00:00:00[../../etc/passwd]"),
        node("datetime", "2024-01-01T00:00:00[_name=X]"),
        node("timedelta", [1e400, 0, 0]),
        node("timedelta", [10**9, 0, 0]),
        node("timezone", [1, 1, 0, None]),
        node("range", [0, 1, 0]),
        node("pattern", ["(", 0]),
        node("pattern", ["a", 128]),
        node("default-dict", ["eval", []]),
        node("uuid", "x"),
        node("ipv4-address", "::1"),
        node("enum", "RED", **{"class": "noclass"}),
        node("enum", "RED"),
        node("enum", "RED", **{"class": f"{HERE}:Person"}),
        node("model", {}, **{"class": f"{HERE}:typed_values"}),
        node("model", {}, **{"class": f"{HERE}:Plain"}),
        node("model", {}, **{"class": "pydantic.main:BaseModel"}),
        node("dataclass", {}, **{"class": f"{HERE}:Person"}),
        node("dataclass", [], **{"class": f"{HERE}:Plain"}),
        node("namedtuple", {}, **{"class": "builtins:tuple"}),
        node("dataclass", {"number": 1}, state={"number": 1}, **{"class": f"{HERE}:Plain"}),
        node("dataclass", {"number": 1}, state=[], **{"class": f"{HERE}:Plain"}),
        node("model", {"street": "a"}, unset=["tags"], **{"class": f"{HERE}:Address"}),
        node("model", {"street": "a"}, private=[], **{"class": f"{HERE}:Address"}),
        node("attrs", {}, **{"class": f"{HERE}:Plain"}),
        node("url", "http://a", **{"class": "builtins:eval"}),
        node("url", "http://a", **{"class": "builtins:str"}),
        node("url", "not a url", **{"class": "pydantic.networks:HttpUrl"}),
    ],
)
def test_forms_that_no_writer_made_are_corrupt(data: bytes) -> None:
    """Structure, payload and class are all checked before anything is made."""
    with pytest.raises(CorruptResultError):
        read(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (node("enum", "GREEN", **{"class": f"{HERE}:Colour"}), "a member that the enum"),
        (node("flag", 64, **{"class": f"{HERE}:Access"}), "a value that the flag"),
        (node("enum", "RED", **{"class": f"{HERE}:Color"}), "renamed or moved"),
        (node("enum", "RED", **{"class": f"{HERE}:Colour.RED.name"}), "renamed or moved"),
        (node("model", {"nom": "x"}, **{"class": f"{HERE}:Address"}), "fields that it lacks here"),
        (node("model", {}, **{"class": f"{HERE}:Address"}), "lacks the field 'street'"),
        (
            node("model", {"street": ""}, private={"_x": 1}, **{"class": f"{HERE}:Address"}),
            "private attributes that it lacks",
        ),
        (node("dataclass", {"pair": []}, state={"x": 1}, **{"class": f"{HERE}:Slotted"}), "no place here"),
        (node("dataclass", {"y": 1}, **{"class": f"{HERE}:Plain"}), "fields that it lacks here"),
        (node("dataclass", {}, **{"class": f"{HERE}:Plain"}), "lacks the field 'number'"),
        (node("namedtuple", {"x": 1}, **{"class": f"{HERE}:Point"}), "not those that it has here"),
        (node("zoneinfo", "Mars/Olympus"), "tzdata"),
        (node("zoneinfo", "Europe"), "tzdata"),
        (node("windows-path", "a"), "this platform cannot make"),
        (node("custom", 1), "object_decoder"),
    ],
)
def test_what_has_changed_here_is_told(data: bytes, reason: str) -> None:
    """The bytes are right, and the class or the machine is another one."""
    with pytest.raises(SerializationError, match=reason):
        read(data)


@pytest.mark.parametrize(
    "value",
    [
        date.min,
        date.max,
        datetime.max.replace(tzinfo=UTC),
        timedelta.min,
        Numbers([]),
        Slotted(()),
        float("nan"),
        10**400,
    ],
)
def test_extremes_come_back(value: Any) -> None:
    """The ends of each range, and the empty ones."""
    assert same(value, read(write(value)))


@pytest.mark.parametrize("place", range((1 << 20) - 10, (1 << 20) + 3))
def test_forms_are_seen_wherever_they_lie(place: int) -> None:
    """A read-only source is searched in pieces, and the key may lie across two of them."""
    data = b'["' + b"x" * (place - 5) + b'",{"$type":"tuple","value":[]}]'

    assert place == data.index(b'"$type"')
    assert () == JSONSerializer().load(BytesSource(data, writable=False))[1]
