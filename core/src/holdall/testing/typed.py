"""Values of every type that `holdall.serialization.typed` writes, for tests of serializers."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import re
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AnyUrl, BaseModel, ByteSize, ConfigDict, HttpUrl, NameEmail, PostgresDsn, PrivateAttr, RootModel
from pydantic.dataclasses import dataclass as pydantic_dataclass


class Colour(Enum):
    RED = "r"
    CRIMSON = RED
    BLUE = (0, 0, 255)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Access(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: float
    y: Any = None


@dataclasses.dataclass
class Plain:
    number: int
    inner: Any = None
    later: list[int] = dataclasses.field(default_factory=list, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    pair: tuple[int, ...]


@pydantic_dataclass
class Checked:
    when: datetime


class Address(BaseModel):
    street: str
    tags: set[str] = set()


class Person(BaseModel):
    """Nested model with an extra, an alias, a default that was not set, and a private attribute."""

    model_config = ConfigDict(extra="allow", frozen=False)

    name: str
    address: Address | None = None
    balance: Decimal = Decimal(0)
    _visits: int = PrivateAttr(default=0)


class Numbers(RootModel[list[int]]):
    """Root model."""


def _person() -> Person:
    person = Person.model_validate(
        {"name": "Ada", "address": Address(street="Main", tags={"a"}), "$type": "odd", "pair": (1, 2)}
    )
    person._visits = 3  # noqa: SLF001 - what the private attribute of the test's own model is for
    return person


def typed_values() -> dict[str, Any]:
    """Returns values by a name that describes them; each equals itself, and hashes are the same in any process."""
    berlin = ZoneInfo("Europe/Berlin")
    return {
        "plain": {"a": [1, 2.5, -0.0, "é\U0001f392", True, None, {}, []]},
        "int-64-bits": [-(2**63), 2**64 - 1],
        "int-beyond": [-(2**63) - 1, 2**64, 10**5000],
        "infinities": [float("inf"), float("-inf")],
        "complex": complex(1.5, float("-inf")),
        "bytes": b"\x00\xffbytes",
        "bytearray": bytearray(b"\x00\xff"),
        "bytearray-empty": [bytearray(), 1],
        "tuple": (1, (2, [3, ()])),
        "set": {3, 1, 2},
        "set-mixed": {1, "a", None, (2, b"x")},
        "frozenset": frozenset({"b", "a"}),
        "deque": deque([1, (2,)], maxlen=3),
        "dict-keys": {1: "a", None: "b", (1, 2): "c", 2.5: "d", "s": "e", b"k": "f", date(2024, 1, 2): "g"},
        "dict-tag": {"$type": "tuple", "value": [1], "deep": {"$type": {"$type": 1}}},
        "ordered-dict": OrderedDict([("b", 1), ("a", (2,))]),
        "default-dict": defaultdict(list, {"a": [1]}),
        "default-dict-none": defaultdict(None, {1: 2}),
        "counter": Counter("abca"),
        "range": range(10, 0, -3),
        "slice": slice(None, 5),
        "decimal": [Decimal("1.50"), Decimal("-Infinity"), Decimal("1E+400"), Decimal("-0")],
        "fraction": Fraction(-(10**30), 7),
        "uuid": UUID("12345678-1234-5678-1234-567812345678"),
        "path": pathlib.Path("a/ü b.txt"),
        "pure-paths": [pathlib.PurePosixPath("/x"), pathlib.PureWindowsPath("C:\\x\\y")],
        "addresses": [
            ipaddress.ip_address("127.0.0.1"),
            ipaddress.ip_address("fe80::1%eth0"),
            ipaddress.ip_interface("10.1.2.3/8"),
            ipaddress.ip_interface("::1/64"),
            ipaddress.ip_network("10.0.0.0/8"),
            ipaddress.ip_network("2001:db8::/32"),
        ],
        "pattern": [re.compile(r"a+\d", re.IGNORECASE | re.DOTALL), re.compile(rb"\xff")],
        "datetime-naive": datetime(2024, 2, 29, 12, 30, 15, 250, fold=1),  # noqa: DTZ001 - naive is the point
        "datetime-utc": [datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)],
        "datetime-offset": datetime(2024, 2, 29, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
        "datetime-named": datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=1), "C]E%T ü")),
        "datetime-zone": [
            datetime(2024, 10, 27, 2, 30, tzinfo=berlin),
            datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1),
        ],
        "date": date(2024, 2, 29),
        "time": [time(1, 2, 3, 4), time(1, 2, tzinfo=UTC), time(1, 2, tzinfo=berlin, fold=1)],
        "timedelta": [timedelta(days=-1, microseconds=1), timedelta.max],
        "timezones": [UTC, timezone(timedelta(hours=2)), timezone(timedelta(0), "GMT"), berlin],
        "enum": [Colour.RED, Colour.CRIMSON, Colour.BLUE, Level.HIGH, Word.YES],
        "flag": [Access.READ, Access.READ | Access.WRITE, Access(0)],
        "namedtuple": Point(1.0, Point(2.0, (3,))),
        "dataclass": Plain(1, Plain(2, {Level.LOW: b"x"})),
        "dataclass-slots": Slotted((1, 2)),
        "dataclass-pydantic": Checked(datetime(2024, 2, 29, tzinfo=UTC)),
        "model": _person(),
        "model-root": Numbers([1, 2]),
        "urls": [AnyUrl("ftp://a/b"), HttpUrl("https://ü.example/?q=1"), PostgresDsn("postgresql://u:p@a:1,b:2/db")],
        "name-email": NameEmail("Ada L", "ada@example.org"),
        "byte-size": ByteSize(2048),
    }
