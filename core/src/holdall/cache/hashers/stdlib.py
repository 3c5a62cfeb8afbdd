"""Hashers of types of the standard library; caches inside values do not count."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from holdall.cache.hashers.parts import Chunks, Step, Uncounted, key_step

if TYPE_CHECKING:
    import datetime as dt
    import decimal as dec
    import io
    import mmap
    import random
    import re
    import sqlite3
    import uuid
    import zoneinfo
    from array import array
    from collections import OrderedDict, defaultdict, deque
    from pathlib import PurePath
    from types import SimpleNamespace


def ordered(value: OrderedDict[Any, Any]) -> Any:
    from collections import OrderedDict

    return tuple((key, Step(key_step(key), dict.__getitem__(value, key))) for key in OrderedDict.__iter__(value))


def defaulting(value: defaultdict[Any, Any]) -> Any:
    return Step(".default_factory", value.default_factory), dict(dict.items(value))


def queue(value: deque[Any]) -> Any:
    from collections import deque

    return value.maxlen, list(deque.__iter__(value))


def namespace(value: SimpleNamespace) -> Any:
    return attributes(vars(value))


def attributes(state: dict[str, Any]) -> Any:
    """Returns names and values in the order of the names."""
    return tuple((name, Step(f".{name}", state[name])) for name in sorted(state))


def path(value: PurePath) -> Any:
    return type(value).__name__, str(value)


def decimal(value: dec.Decimal) -> str:
    """Hashes a decimal with its exponent: `1.0` and `1.00` differ."""
    from decimal import Decimal

    return Decimal.__str__(value)


def unique(value: uuid.UUID) -> int:
    return value.int


def date(value: dt.date) -> Any:
    return value.toordinal()


def moment(value: dt.datetime) -> Any:
    return (
        (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold),
        Step(".tzinfo", value.tzinfo),
    )


def time_of_day(value: dt.time) -> Any:
    return (value.hour, value.minute, value.second, value.microsecond, value.fold), Step(".tzinfo", value.tzinfo)


def duration(value: dt.timedelta) -> Any:
    return value.days, value.seconds, value.microseconds


def fixed_zone(value: dt.timezone) -> Any:
    """Hashes a timezone by its offset and its name, given or generated."""
    return value.utcoffset(None), value.tzname(None)


def zone(value: zoneinfo.ZoneInfo) -> Any:
    if value.key is None:
        raise Uncounted(type(value), "was read from a file and has no key")
    return value.key


def pattern(value: re.Pattern[Any]) -> Any:
    return value.pattern, value.flags


def numbers(value: array[Any]) -> Any:
    """Hashes an array by its type code, item size and items; all NaNs are equal."""
    from array import array

    found = value
    if value.typecode in "fd" and any(each != each for each in value):  # noqa: PLR0124 - what is not a number
        found = array(value.typecode, [each if each == each else float("nan") for each in value])  # noqa: PLR0124
    if sys.byteorder == "big":
        found = array(value.typecode, found)
        found.byteswap()
    return value.typecode, value.itemsize, Chunks([memoryview(found).cast("B") if len(found) else b""])


def mapped(value: mmap.mmap) -> Any:
    with memoryview(value) as buffer:
        return value.tell(), Chunks([bytes(buffer)])


def bytes_file(value: io.BytesIO) -> Any:
    """Hashes the content of a buffer and its position."""
    return value.tell(), Chunks([value.getvalue()])


def text_file(value: io.StringIO) -> Any:
    return value.tell(), value.getvalue(), _newline(value)


def _newline(value: Any) -> Any:
    """Returns the line ending of a text buffer, which no attribute has."""
    return value.__getstate__()[1]


def open_file(value: io.IOBase) -> Any:
    if _of_terminal(value):
        return "terminal"
    raise Uncounted(type(value), "is an open file, of which it is not known what will be read")


def _of_terminal(value: Any) -> bool:
    if value in (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__):
        return True
    try:
        return bool(value.isatty())
    except ValueError:  # closed
        return False


def generator(value: random.Random) -> Any:
    return value.getstate()


def row(value: sqlite3.Row) -> Any:
    return list(value.keys()), list(value)
