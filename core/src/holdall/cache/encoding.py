"""Digests of plain values, and of sequences of digests."""

from __future__ import annotations

import hashlib
import sys
from array import array
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# sha256: a key may be derived from sensitive values, a collision would return a wrong result, and blake2b is slower here.
SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
_SHORT: Final = frozenset({type(None), bool, float, str})  # bytes may be large, and long integers refuse to be written
_WITH_INTS: Final = _SHORT | {int}
_CHUNK: Final = 1000
_LONG: Final = 1 << 63


# How the digest of a scalar begins, as `hashed` writes the name of its type.
_BEGINNINGS: Final = {kind: b"%d:%s:" % (len(kind.__name__) + 1, kind.__name__.encode()) for kind in SCALARS}


def scalar(kind: type, value: Any) -> bytes:
    """Returns the digest of a value of a type in `SCALARS`. On the hot path: each hit computes it for each plain argument."""
    hasher = hashlib.sha256(_BEGINNINGS[kind])
    if kind is str:
        hasher.update(value.encode("utf-8", "surrogatepass"))
    elif kind is bytes:
        hasher.update(value)
    else:
        # In hexadecimal, as Python refuses to write very long integers in decimal.
        hasher.update((f"{value:x}" if kind is int else repr(value)).encode())
    return hasher.digest()


def brief(kind: type, value: Any) -> str:
    """Returns a plain value as one line of a key, as distinct as its digest; the digest itself if the value is long.

    Not to be shown: the value may be a secret.
    """
    if kind is int:
        return f"{value:#x}"
    if kind is bytes or (kind is str and len(value) > _CHUNK):
        return scalar(kind, value).hex()
    return ascii(value)


def flat(kind: type, values: Sequence[Any]) -> bytes:
    """Returns the digest of a list or tuple of scalars without hashing each: a column may have a million."""
    hasher = hashlib.sha256(f"{kind.__name__} of scalars:".encode())
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        types = set(map(type, part))
        # One letter says how the chunk is written.
        if types == {int} and min(part) >= -_LONG and max(part) < _LONG:
            words = array("q", part)
            if sys.byteorder == "big":
                words.byteswap()
            hasher.update(b"q%d:" % len(part))
            hasher.update(words)
        elif types <= _SHORT or (types <= _WITH_INTS and all(type(x) is not int or -_LONG <= x < _LONG for x in part)):
            # Of these types it differs where values or types do, and unlike repr it is the same in every Python.
            hasher.update(b"a")
            hasher.update(ascii(part if kind is list else list(part)).encode())
        else:
            hasher.update(b"d%d:" % len(part))
            for each in part:
                hasher.update(scalar(type(each), each))
    return hasher.digest()


def hashed(first: bytes, *rest: Any) -> bytes:
    """Returns the sha256 of a tag with its length and digests."""
    hasher = hashlib.sha256(b"%d:" % len(first))
    hasher.update(first)
    for each in rest:
        hasher.update(each)
    return hasher.digest()


def qualified(value: Any) -> bytes:
    return f"{getattr(value, '__module__', '')}.{value.__qualname__}:".encode()
