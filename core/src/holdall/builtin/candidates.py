"""Which serializers are asked for a value of some type, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdall.builtin.bytes import BytesSerializer
from holdall.builtin.text import TextSerializer
from holdall.plugins.lookup import serializers_for

if TYPE_CHECKING:
    from holdall.abc.codec import Codec

_BUILTIN: Final[dict[type, Codec]] = {
    str: TextSerializer(),
    bytes: BytesSerializer(),
    bytearray: BytesSerializer(type="bytearray"),
}


def candidates(kind: type, /) -> tuple[Codec, ...]:
    """Those that are for this very type or a base of it, the best first; plain data and pickle are none of them."""
    found = serializers_for(kind)
    own = _BUILTIN.get(kind)
    return found if own is None else (*found, own)


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
