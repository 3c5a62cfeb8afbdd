"""Reader of Thrift's compact protocol, as far as Parquet uses it: structs as dicts by field number.

pyarrow parses it as well; but it ends the process over some damaged footers when it is asked what it found.
"""

from __future__ import annotations

from typing import Any, Final

from holdall.errors import CorruptResultError

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS: Final = {4, 5, 6}
_DEEP: Final = 12


def struct(data: memoryview, at: int = 0, /) -> tuple[dict[int, Any], int]:
    """The struct that starts there, and where it ends.

    Raises:
        CorruptResultError: there is none.
    """
    try:
        return _struct(data, at, 0)
    except IndexError:
        raise CorruptResultError("A header of the stored .parquet file ends too early.") from None


def _struct(data: memoryview, at: int, depth: int) -> tuple[dict[int, Any], int]:
    if depth > _DEEP:
        raise CorruptResultError("A header of the stored .parquet file is too deep.")
    found: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        kind = head & 15
        # A boolean has no place of its own here: it is the type.
        found[number], at = (kind == _TRUE, at) if kind in {_TRUE, _FALSE} else _value(data, at, kind, depth)
    return found, at + 1


def _value(data: memoryview, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _integer(data, at)
    if kind == _BINARY:
        length, at = _unsigned(data, at)
        if at + length > len(data):
            raise IndexError
        return data[at : at + length], at + length
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in {_LIST, _SET}:
        return _list(data, at, depth)
    if kind in {_TRUE, _FALSE, _BYTE}:
        return data[at], at + 1
    if kind == _DOUBLE:
        return None, at + 8
    raise CorruptResultError("A header of the stored .parquet file has something of no known type.")


def _list(data: memoryview, at: int, depth: int) -> tuple[list[Any], int]:
    count, kind, at = data[at] >> 4, data[at] & 15, at + 1
    if count == 15:
        count, at = _unsigned(data, at)
    if count > len(data) - at:  # each takes a byte at least
        raise IndexError
    found = []
    for _ in range(count):
        value, at = _value(data, at, kind, depth + 1)
        found.append(value)
    return found, at


def _unsigned(data: memoryview, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        shift += 7
        if shift > 63:
            raise CorruptResultError("A number in a header of the stored .parquet file is too long.")


def _integer(data: memoryview, at: int) -> tuple[int, int]:
    """A signed one, in zigzag."""
    found, at = _unsigned(data, at)
    return (found >> 1) ^ -(found & 1), at
