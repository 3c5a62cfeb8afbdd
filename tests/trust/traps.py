"""Classes, functions and instances that tell when any code of theirs runs."""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from enum import Enum, Flag, IntFlag
from typing import Any, NamedTuple

import attrs
from pydantic import BaseModel, Field, PrivateAttr, RootModel, field_validator, model_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass

FIRED: list[str] = []
ARMED: list[bool] = []
"""Not empty while traps are to tell: making the classes fires some."""


def fire(name: str) -> None:
    if ARMED:
        FIRED.append(name)


def trap(name: str) -> Any:
    def sprung(*_: Any, **__: Any) -> Any:
        fire(name)
        return None

    return sprung


dumps, loads, encode, decode, wrap, unwrap = map(trap, ("dumps", "loads", "encode", "decode", "wrap", "unwrap"))


def bomb() -> None:
    """What a pickle would call."""
    fire("unpickled")


def __getattr__(name: str) -> Any:
    fire(f"module.__getattr__({name})")
    raise AttributeError(name)


class Caller:
    """An instance that can be called, and has every attribute."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        fire("instance.__call__")

    def __getattr__(self, name: str) -> Any:
        fire(f"instance.__getattr__({name})")
        raise AttributeError(name)

    @property
    def __class__(self) -> Any:  # type: ignore[override] # what isinstance would ask
        fire("instance.__class__")
        return type


provider = Caller()


class Meta(type):
    """Hooks that are asked by calls, by `getattr`, and by `isinstance` and `issubclass`."""

    def __call__(cls, *args: Any, **more: Any) -> Any:
        fire("metaclass.__call__")
        return super().__call__(*args, **more)

    def __getattribute__(cls, name: str) -> Any:
        fire(f"metaclass.__getattribute__({name})")
        return super().__getattribute__(name)

    def __instancecheck__(cls, instance: Any) -> bool:
        fire("metaclass.__instancecheck__")
        return True

    def __subclasscheck__(cls, subclass: Any) -> bool:
        fire("metaclass.__subclasscheck__")
        return True

    def __hash__(cls) -> int:
        fire("metaclass.__hash__")
        return 1

    def __eq__(cls, other: object) -> bool:
        fire("metaclass.__eq__")
        return cls is other


class Hooked(metaclass=ABCMeta):  # noqa: B024 - its hook is the point
    @classmethod
    def __subclasshook__(cls, _: Any) -> bool:
        fire("__subclasshook__")
        return True


class Descriptor:
    def __set_name__(self, *_: Any) -> None:
        fire("__set_name__")

    def __get__(self, *_: Any) -> Any:
        fire("descriptor.__get__")

    def __set__(self, *_: Any) -> None:
        fire("descriptor.__set__")


def members(**more: Any) -> dict[str, Any]:
    """What a class may have that others call."""
    hooks = ("__init__", "__post_init__", "__setattr__", "__delattr__", "__repr__", "__eq__", "__hash__", "__bool__")
    hooks += (
        "__len__",
        "__iter__",
        "__getitem__",
        "__contains__",
        "__fspath__",
        "__index__",
        "__array__",
        "__reduce__",
    )
    hooks += ("__attrs_post_init__", "__attrs_pre_init__", "model_post_init", "__init_subclass__", "__class_getitem__")
    return {**{name: trap(name) for name in hooks if name != "__reduce__"}, "watched": Descriptor(), **more}


Plain = dataclasses.dataclass(eq=False)(
    type("Plain", (), {**members(), "__annotations__": {"x": Any}, "__module__": __name__})
)
Slotted = dataclasses.dataclass(eq=False, slots=True)(
    type("Slotted", (), {**members(), "__annotations__": {"x": Any}, "__module__": __name__})
)
Metaed = dataclasses.dataclass(eq=False)(
    Meta("Metaed", (), {**members(), "__annotations__": {"x": Any}, "__module__": __name__})
)
Abstract = dataclasses.dataclass(eq=False)(
    type(Hooked)("Abstract", (Hooked,), {**members(), "__annotations__": {"x": Any}, "__module__": __name__})
)
Attrs = attrs.define(eq=False, init=False, slots=False)(
    type(
        "Attrs",
        (),
        {**members(), "__annotations__": {"x": Any}, "__module__": __name__, "x": attrs.field(default=None)},
    )
)


@dataclasses.dataclass
class New:
    x: Any = None

    def __new__(cls, *_: Any, **__: Any) -> Any:
        fire("__new__")
        return object.__new__(cls)

    def __setstate__(self, _: Any) -> None:
        fire("__setstate__")


@dataclasses.dataclass
class Ending:
    x: Any = None

    def __del__(self) -> None:
        fire("__del__")


@dataclasses.dataclass
class Made:
    x: Any = dataclasses.field(default_factory=trap("default_factory"))


@attrs.define
class Converting:
    x: Any = attrs.field(converter=trap("converter"), validator=trap("validator"))
    y: Any = attrs.field(factory=trap("factory"))


@dataclasses.dataclass
class Properties:
    x: Any = None

    def __getattr__(self, name: str) -> Any:
        fire(f"__getattr__({name})")
        raise AttributeError(name)

    def __getattribute__(self, name: str) -> Any:
        fire(f"__getattribute__({name})")
        return super().__getattribute__(name)


class Pair(NamedTuple):
    x: Any
    y: Any = None


class OwnPair(Pair):
    def __new__(cls, *args: Any) -> Any:
        fire("namedtuple.__new__")
        return super().__new__(cls, *args)

    def __iter__(self) -> Any:
        fire("namedtuple.__iter__")
        return super().__iter__()

    def __hash__(self) -> int:
        fire("namedtuple.__hash__")
        return 1

    def __eq__(self, other: object) -> bool:
        fire("namedtuple.__eq__")
        return True


class Word(Enum):
    A = 1
    B = 2

    @classmethod
    def _missing_(cls, _: Any) -> Any:
        fire("_missing_")

    def __hash__(self) -> int:
        fire("enum.__hash__")
        return 1

    @property
    def name(self) -> Any:  # type: ignore[override] # as users do
        fire("enum.name")
        return "A"


class Bits(Flag):
    A = 1
    B = 2

    @classmethod
    def _missing_(cls, _: Any) -> Any:
        fire("_missing_")


class NewBits(IntFlag):
    A = 1
    B = 4

    def __new__(cls, value: int) -> Any:
        fire("flag.__new__")
        made = int.__new__(cls, value)
        made._value_ = value
        return made

    @classmethod
    def _numeric_repr_(cls, value: Any) -> str:
        fire("_numeric_repr_")
        return str(value)


class Model(BaseModel):
    x: Any = None
    made: Any = Field(default_factory=trap("default_factory"))
    _private: Any = PrivateAttr(default_factory=trap("private default_factory"))

    @field_validator("x", mode="before")
    @classmethod
    def _validate(cls, value: Any) -> Any:
        fire("field_validator")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Any:
        fire("model_validator")
        return self

    def __init__(self, **values: Any) -> None:
        fire("model.__init__")
        super().__init__(**values)

    def model_post_init(self, _: Any, /) -> None:
        fire("model_post_init")

    def __setattr__(self, name: str, value: Any) -> None:
        fire("model.__setattr__")
        super().__setattr__(name, value)

    def __hash__(self) -> int:
        fire("model.__hash__")
        return 1


class Free(BaseModel, extra="allow"):
    x: Any = None

    def __eq__(self, other: object) -> bool:
        fire("model.__eq__")
        return True

    __hash__ = None  # type: ignore[assignment] # as Python has it beside an __eq__


class NewModel(BaseModel):
    x: Any = None

    def __new__(cls, **_: Any) -> Any:
        fire("model.__new__")
        return super().__new__(cls)


class Root(RootModel[Any]):
    @field_validator("root")
    @classmethod
    def _validate(cls, value: Any) -> Any:
        fire("root validator")
        return value


@pydantic_dataclass
class Checked:
    x: Any = None

    @field_validator("x")
    @classmethod
    def _validate(cls, value: Any) -> Any:
        fire("dataclass validator")
        return value

    def __post_init__(self) -> None:
        fire("__post_init__")


NAMES = sorted(name for name in globals() if not name.startswith("_"))
