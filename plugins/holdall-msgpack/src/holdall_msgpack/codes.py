"""Extension codes of tagged forms. Codes are part of the stored format: they are never changed or reused."""

from __future__ import annotations

from typing import Final

from holdall.serialization.typed import FORMS

CODES: Final = {
    "int": 0,
    "decimal": 1,
    "uuid": 2,
    "datetime": 3,
    "date": 4,
    "time": 5,
    "zoneinfo": 6,
    "bytearray": 7,
    "pure-posix-path": 8,
    "pure-windows-path": 9,
    "posix-path": 10,
    "windows-path": 11,
    "ipv4-address": 12,
    "ipv4-interface": 13,
    "ipv4-network": 14,
    "ipv6-address": 15,
    "ipv6-interface": 16,
    "ipv6-network": 17,
    "tuple": 32,
    "set": 33,
    "frozenset": 34,
    "deque": 35,
    "dict": 36,
    "ordered-dict": 37,
    "default-dict": 38,
    "counter": 39,
    "range": 40,
    "slice": 41,
    "complex": 42,
    "fraction": 43,
    "timedelta": 44,
    "timezone": 45,
    "pattern": 46,
    "name-email": 47,
    "byte-size": 48,
    "enum": 64,
    "flag": 65,
    "namedtuple": 66,
    "dataclass": 67,
    "model": 68,
    "url": 69,
    "attrs": 70,
    "custom": 127,
}
"""Codes by tag. `float` and `bytes` have none: MessagePack has both, including not-a-number and the infinities."""

TAGS: Final = {code: tag for tag, code in CODES.items()}
PAYLOADS: Final = {form.tag: form.payload for form in FORMS}
SCALAR: Final = frozenset(code for tag, code in CODES.items() if PAYLOADS[tag] in {"text", "blob"})
"""Codes whose extension holds the whole value. The others mark an array: `[marker, payload]`."""
