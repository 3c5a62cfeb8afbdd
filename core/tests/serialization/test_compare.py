"""Where two objects differ."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.serialization.compare import difference

NAN = float("nan")


class Plain:
    """Equal to itself alone."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Strange:
    """Compares to something that is neither yes nor no, or not at all."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers

    def __eq__(self, other: object) -> Any:
        if self.answers:
            return np.array([False])
        raise RuntimeError("never")

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Pair:
    """Compares by fields."""

    one: Any
    two: Any


def cycle() -> list[Any]:
    made: list[Any] = [1]
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NAN, float("nan")),
        ({"a": [NAN, (1, "x")]}, {"a": [NAN, (1, "x")]}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.array([1.0, NAN]), np.array([1.0, NAN])),
        (np.array([[1], None], dtype=object), np.array([[1], None], dtype=object)),
        (np.float32(1.5), np.float32(1.5)),
        (pd.DataFrame({"a": [1, None]}), pd.DataFrame({"a": [1, None]})),
        (Plain(a=1, b=[NAN]), Plain(a=1, b=[NAN])),
        (Strange(answers=True), Strange(answers=True)),
        (Strange(answers=False), Strange(answers=False)),
        (Pair(1, "a"), Pair(1, "a")),
        (cycle(), cycle()),
        ({1, 2}, {2, 1}),
        (complex(0, NAN), complex(0, NAN)),
        (object(), object()),
    ],
)
def test_the_same(one: Any, other: Any) -> None:
    """Also where `==` says no, or nothing."""
    assert difference(one, other) is None


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        (1, 1.0, "result"),
        (True, 1, "result"),
        ((1, 2), [1, 2], "result"),
        ({"price": Decimal("1.10")}, {"price": 1.1}, 'result["price"]'),
        ([0, {"a": (1,)}], [0, {"a": [1]}], 'result[1]["a"]'),
        ([1, 2], [1], "result"),
        ({1: "a"}, {"1": "a"}, "result"),
        (0.0, -0.0, "result"),
        (OrderedDict(a=1), {"a": 1}, "result"),
        (deque([1]), deque([2]), "result[0]"),
        (np.array([1, 2]), np.array([1.0, 2.0]), "result"),
        (np.zeros((2, 1)), np.zeros(2), "result"),
        (np.array([Decimal(1)], dtype=object), np.array([1], dtype=object), "result"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]}), "result"),
        (Plain(a=Plain(b=1)), Plain(a=Plain(b=2)), "result.a.b"),
        (Plain(a=1), Plain(), "result.a"),
        (Pair(1, 2), Pair(1, 3), "result"),
        (dt.date(2024, 1, 1), dt.date(2024, 1, 2), "result"),
        (b"a", bytearray(b"a"), "result"),
    ],
)
def test_the_first_difference(one: Any, other: Any, path: str) -> None:
    """By its path."""
    found = difference(one, other)

    assert found is not None
    assert path == found.path


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_is_the_same_as_its_copy(value: Any) -> None:
    """Of plain data."""
    import copy

    assert difference(value, copy.deepcopy(value)) is None
