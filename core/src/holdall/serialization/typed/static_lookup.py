"""Look-up of attributes of classes and modules without running their code: no `__getattr__`, property or metaclass.

`getattr`, `isinstance` and `issubclass` may call code of the class, its metaclass or the object.
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
_MIN_MEMBERS: Final = 1024
_MAX_EQUAL_HASHES: Final = 256
_PLAIN: Final = frozenset({str, int, float, bool, bytes, NoneType})


class Missing:
    """Stands for an attribute that does not exist."""


def ancestry(kind: type, /) -> tuple[type, ...]:
    """Returns the method resolution order."""
    mro: tuple[type, ...] = _MRO.__get__(kind)
    return mro


def names(kind: type, /) -> Mapping[str, Any]:
    """Returns the attributes of the class itself."""
    attributes: Mapping[str, Any] = _NAMES.__get__(kind)
    return attributes


def module_names(module: ModuleType, /) -> Mapping[str, Any]:
    """Returns the attributes of a module; none for another object that `sys.modules` holds."""
    return _MODULE_NAMES.__get__(module) if descends(type(module), ModuleType) else {}


def raw(kind: type, name: str, /) -> Any:
    """Returns what the class or the nearest base has under a name, no descriptor called; `Missing` if none has it."""
    for base in ancestry(kind):
        attributes = names(base)
        if name in attributes:
            return attributes[name]
    return Missing


def descends(kind: type, base: type, /) -> bool:
    return any(ancestor is base for ancestor in ancestry(kind))


def is_class(value: object, /) -> bool:
    return descends(type(value), type)


def is_written_in_python(kind: type, /) -> bool:
    """Whether a class statement made it."""
    return bool(_FLAGS.__get__(kind) & _HEAP_TYPE)


def module_of(kind: type, /) -> str:
    module = _MODULE.__get__(kind)
    return module if isinstance(module, str) else ""


def qualname_of(kind: type, /) -> str:
    qualname: str = _QUALNAME.__get__(kind)
    return qualname


def is_builtin(method: object, /) -> bool:
    """Whether a method is one of the interpreter's own, or None."""
    return type(method) in _BUILTIN


def is_generated(method: object, /) -> bool:
    """Whether a method was made by the machinery of a dataclass, an attrs class, a named tuple, an enum or pydantic."""
    if type(method) in {staticmethod, classmethod, MethodType}:
        method = method.__func__  # type: ignore[attr-defined]  # all of them have it
    if type(method) is not FunctionType:
        return False
    maker = method.__globals__.get("__name__", "")
    if type(maker) is not str:
        return False
    generated = maker in _MAKERS or maker.partition(".")[0] == "pydantic" or maker.startswith("namedtuple_")
    code = method.__code__
    in_dataclass = code.co_filename == "<string>" and code.co_qualname.startswith("__create_fn__.<locals>.")
    return generated or in_dataclass or code.co_filename.startswith("<attrs generated")


def has_own_hash(kind: type, /) -> bool:
    """Whether hashing or comparing an instance calls code that its class defines itself."""
    methods = (raw(kind, "__hash__"), raw(kind, "__eq__"))
    return not all(is_builtin(method) or is_generated(method) for method in methods)


def collide(members: Collection[Any], /) -> bool:
    """Whether so many members have the same hash that putting them into a set would not end: numbers can be chosen so."""
    return len(members) > _MIN_MEMBERS and max(Counter(map(hash, members)).values()) > _MAX_EQUAL_HASHES


def hashes_itself(members: Iterable[Any], /) -> bool:
    """Whether one of the members, or something that it contains, has a hash that its class defines itself."""
    waiting, seen = list(members), set()
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind in _PLAIN or id(value) in seen:
            continue
        seen.add(id(value))
        if descends(kind, tuple):
            waiting.extend(tuple.__iter__(value))
        elif kind is frozenset:
            waiting.extend(value)
        if is_written_in_python(kind):
            if has_own_hash(kind):
                return True
            waiting.extend(_parts(kind, value))
    return False


def _parts(kind: type, obj: Any) -> list[Any]:
    parts: list[Any] = []
    for base in ancestry(kind):
        for name, descriptor in names(base).items():
            if type(descriptor) is MemberDescriptorType:
                try:
                    parts.append(descriptor.__get__(obj))
                except AttributeError:
                    continue
            elif name == "__dict__" and type(descriptor) is GetSetDescriptorType:
                parts.extend(descriptor.__get__(obj).values())
    return parts
