"""Comparison of two objects that should be the same: by type and value, and by what they contain."""

from __future__ import annotations

import sys
from collections import deque
from math import copysign
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.serialization.typed.errors import key_step

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLES: Final = frozenset({"pandas", "polars", "pyarrow"})
_ATOMS: Final = (str, bytes, bytearray, int, bool, type(None))


class Difference(NamedTuple):
    """The first place where two objects differ, as a path from `result`, and the values there."""

    path: str
    one: Any
    other: Any


def difference(one: Any, other: Any, /) -> Difference | None:
    """Returns the first difference; None if there is none.

    None as well for objects with neither `__eq__` nor fields, of which nothing can be said.
    """
    return _difference(one, other, "result", set())


def _difference(one: Any, other: Any, path: str, seen: set[tuple[int, int]]) -> Difference | None:
    if one is other or (id(one), id(other)) in seen:
        return None
    kind = type(one)
    if kind is not type(other):
        return Difference(path, one, other)
    if kind not in _ATOMS:
        seen.add((id(one), id(other)))
    if kind in {list, tuple, deque} or isinstance(one, dict):
        return _in_container(one, other, path, seen)
    same = _same(one, other, kind)
    if same is None:
        return _in_fields(one, other, path, seen)
    return None if same else Difference(path, one, other)


def _same(one: Any, other: Any, kind: Any) -> bool | None:
    """Compares by value; None for objects that are equal to themselves alone."""
    if kind in _ATOMS:
        return bool(one == other)
    if kind is float or kind is complex:
        return _same_number(one, other)
    module = kind.__module__.partition(".")[0]
    if module == "numpy":
        return _same_array(one, other)
    if module in _TABLES and hasattr(one, "equals"):
        return bool(one.equals(other)) and _labels(one) == _labels(other)
    return None if kind.__eq__ is object.__eq__ else _equal(one, other)


def _in_fields(one: Any, other: Any, path: str, seen: set[tuple[int, int]]) -> Difference | None:
    theirs = getattr(other, "__dict__", {})
    for name, value in getattr(one, "__dict__", {}).items():
        if name not in theirs:
            return Difference(f"{path}.{name}", value, None)
        if (found := _difference(value, theirs[name], f"{path}.{name}", seen)) is not None:
            return found
    return None


def _in_container(one: Any, other: Any, path: str, seen: set[tuple[int, int]]) -> Difference | None:
    if len(one) != len(other):
        return Difference(path, one, other)
    for step, mine, theirs in _pairs(one, other):
        if theirs is _Absent:
            return Difference(path, one, other)
        if (found := _difference(mine, theirs, path + step, seen)) is not None:
            return found
    return None


class _Absent:
    """Stands for a key that is missing."""


def _pairs(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict):
        for key, value in one.items():
            yield key_step(key), value, other.get(key, _Absent)
        return
    for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        yield f"[{number}]", mine, theirs


def _same_number(one: Any, other: Any) -> bool:
    if isinstance(one, complex):
        return _same_number(one.real, other.real) and _same_number(one.imag, other.imag)
    if one != one:  # noqa: PLR0124 - what is not a number
        return bool(other != other)  # noqa: PLR0124 - as above
    return bool(one == other and copysign(1, one) == copysign(1, other))


def _same_array(one: Any, other: Any) -> bool:
    if getattr(one, "dtype", None) != getattr(other, "dtype", None) or getattr(one, "shape", ()) != getattr(
        other, "shape", ()
    ):
        return False
    kind = getattr(getattr(one, "dtype", None), "kind", "")
    if kind == "O":
        return difference(one.tolist(), other.tolist()) is None
    array_equal: Any = sys.modules["numpy"].array_equal
    return bool(array_equal(one, other, equal_nan=kind in "fcmM"))


def _labels(table: Any) -> Any:
    """The dtypes of a table, which `equals` of pandas passes over."""
    dtypes = getattr(table, "dtypes", None)
    return None if dtypes is None else [str(dtype) for dtype in (dtypes if hasattr(dtypes, "__iter__") else [dtypes])]


def _equal(one: Any, other: Any) -> bool:
    try:
        answer = one == other
    except Exception:  # noqa: BLE001 - a user's own __eq__, which may raise anything: nothing is known then
        return True
    return answer is not False
