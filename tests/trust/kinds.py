"""Classes of users, of every kind that has a form: some that are kept, some that are refused, and some with traps."""

from __future__ import annotations

import dataclasses
import threading
from abc import ABC
from enum import CONFORM, EJECT, KEEP, STRICT, Enum, Flag, IntFlag, StrEnum
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, PrivateAttr, computed_field, field_validator

T = TypeVar("T")


@attrs.define
class Box:
    size: int
    _label: str = "none"
    inner: Any = None


@attrs.define(slots=False, frozen=True)
class OpenBox:
    size: int
    tags: list[str] = attrs.field(factory=list, init=False)


@attrs.define
class LazyBox:
    size: int

    @cached_property
    def double(self) -> int:
        return 2 * self.size


@attrs.frozen(cache_hash=True)
class HashedBox:
    name: str


@dataclasses.dataclass
class Derived:
    """Holds more than its fields."""

    number: int
    twice: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.twice = 2 * self.number
        self._seen = (self.number,)

    @cached_property
    def large(self) -> threading.Lock:
        return threading.Lock()


class SlotBase:
    __slots__ = ("note",)

    note: Any


@dataclasses.dataclass(frozen=True, slots=True)
class SlotChild(SlotBase):
    number: int


@dataclasses.dataclass
class GenericData(Generic[T]):
    content: T


@dataclasses.dataclass
class AbstractChild(ABC):
    number: int


@dataclasses.dataclass(frozen=True)
class Hashable:
    number: int


class Pair(NamedTuple):
    x: int
    y: Any = None


class OpenPair(Pair):
    """Without slots: an instance has a dict."""


class Status(Enum):
    NEW = 1
    OLD = 2

    @property
    def name(self) -> str:  # type: ignore[override] # as users do
        raise AssertionError("the name is asked for")


class Right(Flag):
    READ = 1
    WRITE = 2
    BOTH = 3
    EXECUTE = 8


class Closed(Flag):
    A = 1
    B = 2

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        raise AssertionError(f"_missing_({value})")


class Strict(Flag, boundary=STRICT):
    A = 4
    B = 1


class Conforming(Flag, boundary=CONFORM):
    A = 1
    B = 4


class Ejecting(IntFlag, boundary=EJECT):
    A = 1
    B = 4


class Keeping(IntFlag, boundary=KEEP):
    A = 1
    B = 4


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    number: int
    tags: set[str] = Field(default_factory=set)
    status: Status = Status.NEW
    _private: Any = PrivateAttr(default=None)
    _unset: Any = PrivateAttr()

    @field_validator("number")
    @classmethod
    def _check(cls, value: int) -> int:
        return value * 10

    @computed_field  # type: ignore[prop-decorator] # as pydantic has it
    @cached_property
    def shown(self) -> str:
        return f"<{self.number}>"


class FrozenModel(BaseModel, frozen=True):
    pair: tuple[int, ...]


class OwnUrl(AnyUrl):
    """A subclass of a user's."""


class Grown(BaseModel):
    """Has fields that stored data may lack."""

    plain: int = 1
    many: list[int] = [1]
    made: list[int] = Field(default_factory=list)
    status: Status = Status.OLD


class Calling(BaseModel):
    made: list[int] = Field(default_factory=lambda: [1])


@dataclasses.dataclass
class CallingData:
    made: list[int] = dataclasses.field(default_factory=lambda: [1])


@attrs.define
class CallingBox:
    made: list[int] = attrs.field(default=attrs.Factory(lambda self: [self.__class__], takes_self=True))


# What is refused.


@dataclasses.dataclass
class OwnNew:
    number: int

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return object.__new__(cls)


@dataclasses.dataclass
class OwnState:
    number: int

    def __getstate__(self) -> Any:
        return {"number": 0}

    def __setstate__(self, state: Any) -> None:
        self.number = -1


@dataclasses.dataclass
class OwnReduce:
    number: int

    def __reduce__(self) -> Any:
        return OwnReduce, (0,)


@dataclasses.dataclass
class OwnEnd:
    number: int

    def __del__(self) -> None:
        pass


class OwnNewPair(NamedTuple("OwnNewPair", [("x", int)])):
    __slots__ = ()

    def __new__(cls, x: int) -> Any:
        return super().__new__(cls, x + 1)


class Meta(type):
    def __call__(cls, *args: Any, **more: Any) -> Any:
        return super().__call__(*args, **more)


@dataclasses.dataclass
class OwnMeta(metaclass=Meta):
    number: int


@dataclasses.dataclass
class OwnDict:
    number: int

    @property
    def __dict__(self) -> Any:  # type: ignore[override] # storage of its own
        return {}


class OwnSetState(BaseModel):
    number: int

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)


@dataclasses.dataclass(frozen=True)
class OwnHash:
    number: int

    def __hash__(self) -> int:
        return 1


class HashedWord(StrEnum):
    YES = "yes"

    def __hash__(self) -> int:
        return 1
