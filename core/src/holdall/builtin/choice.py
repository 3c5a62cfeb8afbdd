"""Which serializers are asked for a value of some type, in order."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from holdall.builtin.octets import BytesSerializer
from holdall.builtin.text import TextSerializer

if TYPE_CHECKING:
    from holdall.abc.codec import Codec

_BUILTIN: Final[dict[type, Codec]] = {
    str: TextSerializer(),
    bytes: BytesSerializer(),
    bytearray: BytesSerializer(type="bytearray"),
}
_found: WeakKeyDictionary[type, tuple[int, tuple[Codec, ...]]] = WeakKeyDictionary()


def candidates(kind: type, /) -> tuple[Codec, ...]:
    """Those that are for this very type or a base of it, the best first; plain data and pickle are none of them."""
    # The one look-up that a built-in makes: what claims a type is known to the registry alone.
    registry = import_module("holdall._registry")
    now: int = registry.changes()
    known = _found.get(kind)
    if known is not None and known[0] == now:
        return known[1]
    found: list[Codec] = [cls() for cls in import_module("holdall._claims").claims(kind)]
    if kind in _BUILTIN:
        found.append(_BUILTIN[kind])
    _found[kind] = (now, tuple(found))
    return _found[kind][1]


def reason(kind: type, /) -> str:
    """What `auto` does with values of a type, in a clause."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    found = candidates(kind)
    if not found:
        return (
            f"for {name} it takes json where that keeps all of the value, or a bundle for its large parts, else pickle"
        )
    first, *rest = (codec.slug for codec in found)
    others = f" (then {', '.join(rest)})" if rest else ""
    return f"for {name} it takes {first}{others}, else json, else pickle"
