"""Hashes of a class's own: code that would run where an instance is in a set or a key of a dict."""

from __future__ import annotations

from collections import Counter
from types import GetSetDescriptorType, MemberDescriptorType, NoneType
from typing import TYPE_CHECKING, Any, Final

from holdall.serialization.typed.static_lookup import (
    ancestry,
    descends,
    is_builtin,
    is_generated,
    is_written_in_python,
    names,
    raw,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_MANY: Final = 1024
_MOST_ALIKE: Final = 256
_PLAIN: Final = frozenset({str, int, float, bool, bytes, NoneType})


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
