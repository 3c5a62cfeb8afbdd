"""Hashers of the types of the language; mostly for their subclasses, as the walk handles the types themselves.

Methods are called on the base class: those of a subclass are the user's and may return something else.
"""

from __future__ import annotations

from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.hashers.parts import Chunks, Step, Unordered, key_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pickle import PickleBuffer
    from types import GenericAlias

_HEAP_TYPE: Final = 1 << 9
_BY_THE_WAY: Final = frozenset({"__suppress_context__", "obj"})  # obj: what an AttributeError was about


def text(value: str) -> str:
    return str.__str__(value)


def integer(value: int) -> int:
    return int.__index__(value)


def real(value: float) -> float:
    return float.__float__(value)


def complex_number(value: complex) -> complex:
    return complex.__complex__(value)


def octets(value: bytes) -> Any:
    return Chunks([memoryview(value)])


raw = octets


def items(value: list[Any]) -> Any:
    return list(list.__iter__(value))


def record(value: tuple[Any, ...]) -> Any:
    """Hashes a tuple, with the names of its fields, if any, in the path of errors."""
    found = tuple(tuple.__iter__(value))
    names = getattr(type(value), "_fields", ())
    if len(names) != len(found):
        return list(found)
    return tuple(Step(f".{name}", each) for name, each in zip(names, found, strict=True))


def elements(value: set[Any] | frozenset[Any]) -> Any:
    if isinstance(value, frozenset):
        return frozenset(frozenset.__iter__(value))
    return set(set.__iter__(value))


def mapping(value: dict[Any, Any]) -> Any:
    return dict(dict.items(value))


def proxy(value: Mapping[Any, Any]) -> Any:
    return dict(value.items())


def keys(value: Any) -> Any:
    return Unordered(value)


def pairs(value: Any) -> Any:
    return Unordered((key, Step(key_step(key), item)) for key, item in value)


def values(value: Any) -> Any:
    return list(value)


def view(value: memoryview) -> Any:
    flat = value.cast("B") if value.c_contiguous and value.nbytes else value.tobytes("C")
    return value.format, value.shape, Chunks([flat])


def buffer(value: PickleBuffer) -> Any:
    return Chunks([value.raw()])


def interval(value: range) -> Any:
    return value.start, value.stop, value.step


def part(value: slice) -> Any:
    return Step(".start", value.start), Step(".stop", value.stop), Step(".step", value.step)


def singleton(value: Any) -> Any:
    return repr(value)


def error(value: BaseException) -> Any:
    """Hashes the arguments and cause of an exception and what its type adds; traceback and context do not count."""
    fields = {}
    for base in type(value).__mro__:
        if not base.__flags__ & _HEAP_TYPE:
            for name, member in vars(base).items():
                if type(member) is not MemberDescriptorType or name in _BY_THE_WAY:
                    continue
                # What is not set counts as what a Python of before does not have.
                if (field := member.__get__(value)) is not None:
                    fields[name] = field
    named = tuple((name, Step(f".{name}", fields[name])) for name in sorted(fields))
    return Step(".args", list(value.args)), named, Step(".__cause__", value.__cause__)


def generic(value: GenericAlias) -> Any:
    return value.__origin__, list(value.__args__)


def union(value: Any) -> Any:
    return list(value.__args__)


def annotated(value: Any) -> Any:
    return value.__origin__, list(value.__metadata__)


def typing_generic(value: Any) -> Any:
    return getattr(value, "_name", None), value.__origin__, list(value.__args__)
