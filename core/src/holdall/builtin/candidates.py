"""Serializers that `auto` tries for a value, by its type."""

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
    """Returns the serializers for this very type or a base of it, the best first; without json and pickle."""
    of_plugins = serializers_for(kind)
    own = _BUILTIN.get(kind)
    return of_plugins if own is None else (*of_plugins, own)


def reason(kind: type, /) -> str:
    """Describes, in a clause, what `auto` does with values of a type."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    codecs = candidates(kind)
    if not codecs:
        return (
            f"for {name} it takes json where that keeps all of the value, or a bundle for its large parts, else pickle"
        )
    first, *rest = (codec.slug for codec in codecs)
    others = f" (then {', '.join(rest)})" if rest else ""
    return f"for {name} it takes {first}{others}, else json, else pickle"
