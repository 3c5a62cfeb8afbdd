"""Classes and modules as they are, looked at with no code of theirs: no `__getattr__`, no property, no metaclass.

`getattr`, `isinstance` and `issubclass` ask the class, its metaclass or the object, and each may answer with code.
"""

from __future__ import annotations

from collections import Counter
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_MRO: Final[Any] = type.__dict__["__mro__"]
_NAMES: Final[Any] = type.__dict__["__dict__"]
_FLAGS: Final[Any] = type.__dict__["__flags__"]
_MODULE: Final[Any] = type.__dict__["__module__"]
_QUALNAME: Final[Any] = type.__dict__["__qualname__"]
_MODULE_NAMES: Final[Any] = vars(ModuleType)["__dict__"]
_HEAP_TYPE: Final = 1 << 9
_BUILTIN: Final = frozenset({BuiltinFunctionType, MethodDescriptorType, NoneType, WrapperDescriptorType})
_MAKERS: Final = ("dataclasses", "attr._make", "enum")
_MANY: Final = 1024
_MOST_ALIKE: Final = 256
_PLAIN: Final = frozenset({str, int, float, bool, bytes, NoneType})


class Missing:
    """Stands for what is not there."""


def ancestry(kind: type, /) -> tuple[type, ...]:
    found: tuple[type, ...] = _MRO.__get__(kind)
    return found


def names(kind: type, /) -> Mapping[str, Any]:
    """What stands in the class itself."""
    found: Mapping[str, Any] = _NAMES.__get__(kind)
    return found


def module_names(module: ModuleType, /) -> Mapping[str, Any]:
    """What stands in a module; nothing where `sys.modules` holds something else."""
    return _MODULE_NAMES.__get__(module) if descends(type(module), ModuleType) else {}


def raw(kind: type, name: str, /) -> Any:
    """What the class or the nearest base has under a name, no descriptor asked; `Missing` where none has it."""
    for each in ancestry(kind):
        held = names(each)
        if name in held:
            return held[name]
    return Missing


def descends(kind: type, base: type, /) -> bool:
    return any(each is base for each in ancestry(kind))


def is_class(found: object, /) -> bool:
    return descends(type(found), type)


def is_written_in_python(kind: type, /) -> bool:
    """Whether a class statement made it."""
    return bool(_FLAGS.__get__(kind) & _HEAP_TYPE)


def module_of(kind: type, /) -> str:
    found = _MODULE.__get__(kind)
    return found if isinstance(found, str) else ""


def qualname_of(kind: type, /) -> str:
    found: str = _QUALNAME.__get__(kind)
    return found


def is_builtin(found: object, /) -> bool:
    """Whether a method is one of the interpreter's own, or there is none."""
    return type(found) in _BUILTIN


def is_generated(found: object, /) -> bool:
    """Whether a method was made by the machinery of a dataclass, an attrs class, a named tuple, an enum or pydantic."""
    if type(found) in {staticmethod, classmethod, MethodType}:
        found = found.__func__  # type: ignore[attr-defined]  # all of them have it
    if type(found) is not FunctionType:
        return False
    maker = found.__globals__.get("__name__", "")
    if type(maker) is not str:
        return False
    made = maker in _MAKERS or maker.partition(".")[0] == "pydantic" or maker.startswith("namedtuple_")
    code = found.__code__
    in_dataclass = code.co_filename == "<string>" and code.co_qualname.startswith("__create_fn__.<locals>.")
    return made or in_dataclass or code.co_filename.startswith("<attrs generated")


def has_own_hash(kind: type, /) -> bool:
    """Whether hashing or comparing an instance calls code that its class has written itself."""
    found = (raw(kind, "__hash__"), raw(kind, "__eq__"))
    return not all(is_builtin(each) or is_generated(each) for each in found)


def collide(members: Collection[Any], /) -> bool:
    """Whether so many have the same hash that putting them into a set would take for ever: numbers can be chosen so."""
    return len(members) > _MANY and max(Counter(map(hash, members)).values()) > _MOST_ALIKE


def hashes_itself(members: Iterable[Any], /) -> bool:
    """Whether one of them, or something that it is made of, has a hash of its class's own."""
    waiting, seen = list(members), set()
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind in _PLAIN or id(each) in seen:
            continue
        seen.add(id(each))
        if descends(kind, tuple):
            waiting.extend(tuple.__iter__(each))
        elif kind is frozenset:
            waiting.extend(each)
        if is_written_in_python(kind):
            if has_own_hash(kind):
                return True
            waiting.extend(_parts(kind, each))
    return False


def _parts(kind: type, obj: Any) -> list[Any]:
    found: list[Any] = []
    for base in ancestry(kind):
        for name, each in names(base).items():
            if type(each) is MemberDescriptorType:
                try:
                    found.append(each.__get__(obj))
                except AttributeError:
                    continue
            elif name == "__dict__" and type(each) is GetSetDescriptorType:
                found.extend(each.__get__(obj).values())
    return found
