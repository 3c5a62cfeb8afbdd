"""What JSON cannot keep is refused when it is written, with the place inside the object and the way out."""

from __future__ import annotations

import contextvars
import dataclasses
import enum
import inspect
import json
import sys
import threading
from collections import defaultdict, deque, namedtuple
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from io import BytesIO
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import BaseModel, PrivateAttr, Secret, SecretBytes, SecretStr, field_validator

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import SerializationError
from holdall.testing.sources import BytesSource
from holdall.testing.typed import Address, Plain, Point, typed_values

T = TypeVar("T")


class Login(BaseModel):
    user: str
    password: SecretStr


class Locked(BaseModel):
    _lock: Any = PrivateAttr(default_factory=threading.Lock)


class Box(BaseModel, Generic[T]):
    content: T


class Doubled(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def _double(cls, value: int) -> int:
        return 2 * value


class Identifier(UUID):
    pass


class Odd(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, _: datetime | None) -> None:
        return None


@dataclasses.dataclass
class Listed(list):  # type: ignore[type-arg] # a dataclass that is a list as well
    x: int = 0


@dataclasses.dataclass
class Wrapped(Generic[T]):
    content: T


class Slots:
    __slots__ = ("hidden",)

    hidden: Any


@dataclasses.dataclass
class Hidden(Slots):
    x: int = 0


@dataclasses.dataclass
class Cached:
    x: int

    @cached_property
    def double(self) -> int:
        return 2 * self.x


Stray = namedtuple("Elsewhere", "a")  # noqa: PYI024 - a class that is not found under its name


def refusal(value: Any, **options: Any) -> SerializationError:
    with pytest.raises(SerializationError) as caught:
        list(JSONSerializer(**options).dump(value))

    assert caught.value.value is value
    assert str(caught.value.path) in str(caught.value)
    return caught.value


def _local() -> Any:
    @dataclasses.dataclass
    class Local:
        x: int = 1

    return Local()


def _strayed() -> Plain:
    plain = Plain(1)
    plain.extra = print  # type: ignore[attr-defined] # what is to be refused
    return plain


def _hidden() -> Hidden:
    made = Hidden()
    made.hidden = print
    return made


def _unset() -> Plain:
    plain = Plain(1)
    del plain.later
    return plain


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ([threading.Lock()], "result[0]", "_thread.lock, which has no form"),
        ({"model": Plain(1, threading.Lock())}, 'result["model"].inner', "_thread.lock"),
        ({'a b"\\': {3: [print]}}, 'result["a b\\"\\\\"][3][0]', "builtin_function_or_method"),
        ({(1, print): 2}, "result.keys()[0][1]", "builtin_function_or_method"),
        ({(1, 2): print}, "result.values()[0]", "builtin_function_or_method"),
        ({"s": {print}}, 'result["s"]{…}', "builtin_function_or_method"),
        (Point(1, print), "result.y", "builtin_function_or_method"),
        (deque([print]), "result[0]", "builtin_function_or_method"),
        (Address.model_construct(street=print, tags=set()), "result.street", "builtin_function_or_method"),
        (np.arange(3), "result", "numpy.ndarray"),
        ([1.0, np.float64(1)], "result[1]", "numpy.float64"),
        (["\ud800"], "result[0]", "lone surrogate"),
        ({"\udcff": 1}, 'result["\udcff"]', "lone surrogate"),
        (Login(user="a", password=SecretStr("hunter2")), "result.password", "a secret is not written in the clear"),
        ([SecretBytes(b"hunter2")], "result[0]", "a secret is not written in the clear"),
        ([Secret[int](5)], "result[0]", "a secret is not written in the clear"),
        (Locked(), "result._lock", "_thread.lock"),
        (Box[int](content=1), "result", "generic model"),
        ([_local()], "result[0]", "a class made inside a function"),
        (Stray(1), "result", "is not to be found under that name"),
        (_strayed(), "result.extra", "builtin_function_or_method"),
        (_unset(), "result", "a field that is not set"),
        (Listed(), "result", "whose instances are a list as well"),
        (_hidden(), "result.hidden", "builtin_function_or_method"),
        (Identifier(int=1), "result", "Identifier, which has no form"),
        (defaultdict(lambda: 1), "result", "factory is none of"),
        (datetime(2024, 1, 1, tzinfo=Odd()), "result", "time zone"),
        (enum.Enum, "result", "enum.EnumType"),
        (contextvars.ContextVar("x"), "result", "ContextVar"),
        (Exception("x"), "result", "Exception, a subclass of"),
        ((i for i in ()), "result", "generator"),
        (Ellipsis, "result", "ellipsis"),
    ],
)
@pytest.mark.parametrize("jsonlib", ["json", "orjson"])
def test_refused_with_path_and_reason(value: Any, path: str, reason: str, jsonlib: str) -> None:
    """Which part, of what type, and what to use instead."""
    error = refusal(value, jsonlib=jsonlib)

    assert path == error.path
    assert reason in str(error)


def test_the_way_out_is_named() -> None:
    """A serializer that would do."""
    assert 'result_serializer="pickle"' in str(refusal(print))
    assert "pickle" not in str(refusal(SecretStr("hunter2")))


def test_secrets_stay_out_of_the_message() -> None:
    """Neither the refusal nor the reasons of a validation show a value."""
    assert "hunter2" not in str(refusal(Login(user="a", password=SecretStr("hunter2"))))


def test_cycles_are_refused_with_both_ends() -> None:
    """Where the object stands, and where it stands again inside itself."""
    inner: list[Any] = [1]
    inner.append({"back": (inner,)})
    error = refusal({"r": inner})

    assert 'result["r"][1]["back"][0]' == error.path
    assert 'is result["r"] again, a cycle' in str(error)


def test_a_cycle_through_attributes_is_refused() -> None:
    """The object that comes back is the dataclass, not a dict of its fields."""
    plain = Plain(1)
    plain.inner = plain
    error = refusal([plain])

    assert "result[0].inner" == error.path
    assert "is result[0] again" in str(error)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"k": x}, lambda x: (x,), lambda x: {1: x}, Plain])
def test_deep_nesting_has_a_limit_of_its_own(wrap: Any) -> None:
    """The same with each library, and no RecursionError."""
    value: Any = 1
    for _ in range(400):
        value = wrap(value) if wrap is not Plain else Plain(1, value)
    for jsonlib in ("json", "orjson"):
        assert "deeper than the 250 levels" in str(refusal(value, jsonlib=jsonlib))


@pytest.mark.parametrize("jsonlib", ["json", "orjson"])
@pytest.mark.parametrize(("levels", "wrap"), [(250, lambda x: [x]), (125, lambda x: (x,)), (83, lambda x: {1: x})])
def test_the_limit_itself_is_kept(jsonlib: str, levels: int, wrap: Any) -> None:
    """What may be written can be read, by each library."""
    value: Any = wrap(0)
    for _ in range(levels - 1):
        value = wrap(value)
    serializer = JSONSerializer(jsonlib=jsonlib)

    assert value == serializer.load(BytesSource(b"".join(serializer.dump(value))))


@pytest.mark.parametrize("name", sorted(typed_values()))
def test_the_deepest_place_that_is_written_is_read(name: str) -> None:
    """Each form counts its own levels, so that both libraries have room for it."""
    value = [typed_values()[name]]
    written = None
    for _ in range(251):
        try:
            written = [b"".join(JSONSerializer(jsonlib=jsonlib).dump(value)) for jsonlib in ("json", "orjson")]
        except SerializationError as error:
            assert "deeper than" in str(error)  # noqa: PT017 - the end of the loop
            break
        deepest, value = value, [value]

    assert written is not None
    for data, jsonlib in zip(written, ("orjson", "json"), strict=True):
        assert deepest == JSONSerializer(jsonlib=jsonlib).load(BytesSource(data))


def test_a_stack_with_no_room_left_is_told() -> None:
    """Writing or reading from deep within a program: an error, and no crash."""
    value: Any = 1
    for _ in range(240):
        value = [value]
    data = json.dumps(value)[:-240] + ', {"$type": "tuple", "value": []}' + "]" * 240

    def within(calls: int, act: Any) -> Any:
        return act() if calls == 0 else within(calls - 1, act)

    room = sys.getrecursionlimit() - len(inspect.stack()) - 120
    with pytest.raises(SerializationError, match="recursion"):
        within(room, lambda: list(JSONSerializer(jsonlib="orjson").dump([(value,)])))
    with pytest.raises(SerializationError, match="within this many calls"):
        within(room, lambda: JSONSerializer(jsonlib="orjson").load(BytesSource(data.encode())))


def test_shared_parts_are_no_cycle() -> None:
    """The same list twice is written twice."""
    shared = [1]

    assert b"[[1],[1]]" == b"".join(JSONSerializer().dump([shared, shared]))


def test_nothing_that_is_passed_in_is_changed() -> None:
    """Tagged parts stand in copies."""
    inner = {"t": (1,)}
    value = [inner, [b"x"]]
    list(JSONSerializer().dump(value))

    assert [{"t": (1,)}, [b"x"]] == value
    assert value[0] is inner


def test_a_zone_without_a_key_is_refused() -> None:
    """Another process could not find it."""
    zone = ZoneInfo.from_file(
        BytesIO(b"TZif" + bytes(32) + b"\x00\x00\x00\x01\x00\x00\x00\x04" + bytes(6) + b"UTC\x00")
    )
    error = refusal([zone])

    assert "without a key" in str(error)


def test_cached_properties_are_made_anew() -> None:
    """They are no state."""
    cached = Cached(2)
    assert 4 == cached.double
    made = JSONSerializer().load(BytesSource(b"".join(JSONSerializer().dump(cached))))

    assert cached == made
    assert {"x": 2} == vars(made)


def test_validators_do_not_run() -> None:
    """Neither when a model is written nor when it is read: what is stored is what it holds."""
    model = Doubled(number=1)
    made = JSONSerializer().load(BytesSource(b"".join(JSONSerializer().dump(model))))

    assert 2 == made.number


def test_a_generic_dataclass_is_kept_without_its_parameters() -> None:
    """They are a note of the typing module, which the values do not depend on."""
    made = JSONSerializer().load(BytesSource(b"".join(JSONSerializer().dump(Wrapped[int](1)))))

    assert Wrapped(1) == made
