"""State of instances: `__dict__` and slots, read without running code of the class."""

from __future__ import annotations

import struct
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.hashers.parts import Uncounted

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAP_TYPE: Final = 1 << 9
_POINTER: Final = struct.calcsize("P")
# What is made anew or says nothing: which fields of a model were given, a note of typing, the hash that attrs kept.
_NO_STATE: Final = frozenset({"__pydantic_fields_set__", "__orig_class__", "_attrs_cached_hash", "__weakref__"})


# Where objects note their hash, which is another one in each process.
_HASHES: Final = frozenset({"_hash", "__hash", "_mhash", "_cached_hash", "_hash_cache", "_hash_value", "_hashvalue"})


class Layout:
    """Reader of the state that the classes below `base` give to instances of `kind`, without the names in `held`."""

    __slots__ = ("_dict", "_slots", "_without")

    def __init__(self, kind: type, base: type = object, held: frozenset[str] = frozenset(), /) -> None:
        below = kind.__mro__[: kind.__mro__.index(base)]
        self._slots = [slot for each in below if each.__flags__ & _HEAP_TYPE for slot in _slots(each)]
        self._without = _NO_STATE | _cached_properties(kind) | held
        self._dict = _dict_of(kind)

    def state(self, value: Any, /) -> dict[Any, Any]:
        """Returns attributes by name, without those of cached properties."""
        found: dict[Any, Any] = {}
        if self._dict is not None:
            held = self._dict(value)
            found = {name: held[name] for name in held if name not in self._without} if held else {}
        for name, slot in self._slots:
            if name in self._without:
                continue
            try:
                found[name] = slot.__get__(value)
            except AttributeError:
                continue  # not set
        for name in _HASHES.intersection(found):
            if type(found[name]) in {int, type(None)}:
                del found[name]
        return found


def is_python(kind: type, /) -> bool:
    """Returns whether instances have nothing but a `__dict__` and slots, so that `Layout` reads all of their state."""
    if any(not base.__flags__ & _HEAP_TYPE for base in kind.__mro__[:-1]) or kind.__itemsize__:
        return False
    # A class that is written in C has room for more, as a negative offset says that the interpreter holds it elsewhere.
    extra = (kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0)
    slots = sum(len(_slots(base)) for base in kind.__mro__[:-1])
    return kind.__basicsize__ <= object.__basicsize__ + _POINTER * (slots + extra)


def _slots(base: type) -> list[tuple[str, Any]]:
    """Returns the slots that the class itself declares. In an attrs class, a slot that is not a field is a cached property."""
    found = [(name, each) for name, each in vars(base).items() if type(each) is MemberDescriptorType]
    fields = vars(base).get("__attrs_attrs__")
    if fields is None:
        return found
    known = {field.name for field in fields}
    return [(name, each) if name in known else (_CACHED, each) for name, each in found]


_CACHED: Final = "_attrs_cached_hash"


def _cached_properties(kind: type) -> set[str]:
    """Returns the names of cached properties, of functools and of other classes named `cached_property`."""
    found: dict[str, bool] = {}
    for base in kind.__mro__:
        for name, each in vars(base).items():
            found.setdefault(name, any(cls.__name__ == "cached_property" for cls in type(each).__mro__))
    return {name for name, cached in found.items() if cached}


def _dict_of(kind: type) -> Callable[[Any], dict[Any, Any] | None] | None:
    """Returns the reader of `__dict__`, which a class may hide behind a property of that name."""
    if not kind.__dictoffset__:
        return None
    for base in kind.__mro__:
        found = vars(base).get("__dict__")
        if type(found) is GetSetDescriptorType:
            return found.__get__
    raise Uncounted(kind, "hides its attributes")
