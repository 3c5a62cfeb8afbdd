"""Digests: equal for what is equal, in every process; different for what is not."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import os
import subprocess
import sys
import textwrap
import tracemalloc
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from holdall.cache.digest import Walk, digest
from holdall.cache.identity import assuming, noting
from holdall.errors import ConfigurationError


class Colour(enum.Enum):
    RED = 1


class Model(BaseModel):
    a: int = 1
    names: set[str] = {"x", "y"}


@dataclass
class Config:
    names: set[str] = field(default_factory=lambda: {"a", "b", "c"})
    text: str = "one"


class Node:
    def __init__(self, name: str) -> None:
        self.name = name
        self.others: list[Node] = []


class Tags(set[str]):
    pass


def helper() -> None:
    """For its name."""


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, -0.0, 0.0, 1j, "", "1", b"", b"1", bytearray(b"1"), memoryview(b"11"),
    2**100_000, "\ud800", [], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), [[1]], [1, [2]], [[1], 2],
    {"a": 1}, {"a": True}, {"b": 1}, {1: "a"}, OrderedDict(a=1), OrderedDict([("a", 1), ("b", 2)]),
    OrderedDict([("b", 2), ("a", 1)]), Counter("a"), defaultdict(int, a=1), deque([1]), deque([1], 5), Tags("a"),
    Config(), Config(text="two"), Config(names={"a"}), Model(), Model(a=2), Colour.RED, Path("a"), Path("b"),
    dt.date(2013, 1, 1), dt.datetime(2013, 1, 1), dt.timedelta(1), uuid.UUID(int=1),  # noqa: DTZ001
    decimal.Decimal("1.0"), decimal.Decimal("1.00"), range(3), slice(1), Ellipsis, int, Config, helper, len, max, os,
    [].append, "x".upper, np.arange(3), np.arange(3.0), np.arange(3).reshape(3, 1), np.array([[1, 2], [3, 4]]).T,
    np.array(["a", None], dtype=object), np.float64(1), np.int64(1), np.dtype("f8"), pd.DataFrame({"a": [1, 2]}),
    pd.DataFrame({"a": [1, 3]}), pd.DataFrame({"b": [1, 2]}), pd.Series(["x", "y"]), pd.Timestamp(0),
    lambda: 1, lambda: 2, lambda x=1: x, lambda x=2: x,
]  # fmt: skip


def test_different_things_have_different_digests() -> None:
    """Types, shapes, orders that count, names."""
    found = [digest(value) for value in VALUES]

    assert len(found) == len(set(found))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}"[:20])
def test_equal_things_have_equal_digests(value: Any) -> None:
    """Copies, and what is reached on two ways or is two objects."""
    try:
        other = copy.deepcopy(value)
    except TypeError:
        other = value

    assert digest(value) == digest(other)
    assert digest([value, value]) == digest([value, other])


def test_order_counts_where_it_means_something() -> None:
    """In lists, not in dicts and sets."""
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(Config(names={"a", "b"})) == digest(Config(names={"b", "a"}))
    assert digest(Model()) == digest(Model(a=1))
    assert digest([1, 2]) != digest([2, 1])


def test_digests_are_the_same_in_every_process() -> None:
    """Whatever the hash seed and the order of insertion."""
    code = """
    import numpy as np
    from dataclasses import dataclass, field
    from pydantic import BaseModel
    from holdall.cache.digest import digest
    class Model(BaseModel):
        names: set[str] = {"x", "y", "z"}
    @dataclass
    class Config:
        names: frozenset = frozenset("abcdef")
        model: Model = field(default_factory=Model)
    class Tags(set): pass
    def local():
        table = {"a", "b"}
        return lambda x: x in {"p", "q", "r"} or table
    print(digest([Config(), Tags("abc"), {"k": {1, "2", None}}, np.arange(5), local(), Config, {Config: 1}]))
    """
    found = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }

    assert 1 == len(found)


def test_objects_that_point_at_each_other_are_walked_once() -> None:
    """A dense graph takes no longer than its size."""

    def graph(name: str) -> list[Node]:
        nodes = [Node(f"{name}{number}") for number in range(200)]
        for node in nodes:
            node.others = nodes
        return nodes

    own: list[Any] = []
    own.append(own)
    other: list[Any] = []
    other.append(other)

    assert digest(graph("a")) == digest(graph("a"))
    assert digest(graph("a")) != digest(graph("b"))
    assert digest(own) == digest(other)


def test_what_cannot_be_counted_is_refused_with_its_path_and_the_ways_out() -> None:
    """Generators, what refuses to be pickled and has no layout of Python's, depth without end."""

    class Layer:
        def __init__(self, hook: Any) -> None:
            self.hook = hook

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(ConfigurationError) as caught:
        digest({"layers": [1, Layer(each for each in ())]}, name="model")
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        digest(deep)
    while deep:
        deep = deep[0]

    assert str(caught.value).startswith(
        'The model cannot be counted in a cache key: model["layers"][1].hook is a generator, which has no content that is '
        "known, and cannot be pickled"
    )
    assert all(way in str(caught.value) for way in ("Ignore]", "HashBy(", "cache_key_fn", "register_hasher("))


@pytest.mark.parametrize("make", [lambda: np.zeros(4 << 20), lambda: bytes(32 << 20), lambda: bytearray(32 << 20)])
def test_large_buffers_are_not_copied(make: Any) -> None:
    """At most a tenth of the data is allocated meanwhile."""
    value = make()
    tracemalloc.start()
    digest([value])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 << 20


LONG = [f"row {number}" for number in range(2500)]


@pytest.mark.parametrize(
    "other",
    [
        LONG[:-1],
        [*LONG[:1000], "another", *LONG[1001:]],
        [*LONG[:1000], 1000, *LONG[1001:]],
        [*LONG[:1000], b"row 1000", *LONG[1001:]],
        [*LONG[:1000], None, *LONG[1001:]],
        [*LONG[:999], LONG[1000], LONG[999], *LONG[1001:]],
        tuple(LONG),
        ["\n".join(LONG)],
        [ascii(LONG)],
        [LONG[:1000], LONG[1000:]],
    ],
)
def test_long_columns_differ_wherever_one_item_does(other: Any) -> None:
    """Hashed by the thousand, items still count one by one, with their types and their order."""
    assert digest(list(LONG)) == digest([str(each) for each in LONG])
    assert digest(LONG) != digest(other)


def test_texts_that_no_encoding_takes_have_a_digest() -> None:
    """A lone surrogate, as in the name of a file, counts as any other character."""
    assert digest(["\udc80"]) != digest(["\\udc80"])


class Base:
    def area(self) -> int:
        return 1


class Square(Base):
    """Its method holds the class that it is of, so that they are a circle."""

    def area(self) -> int:
        return super().area() + 1


def test_a_definition_in_a_circle_is_noted_as_it_is_counted() -> None:
    """A second look, which takes what it noted for known, gives the same digest."""
    value = [Square(), {"kind": Square}]
    found, noted = noting(Walk(), value)

    assert found == Walk().of(value)
    assert {id(Square)} <= noted.keys()
    assert found == assuming(noted, Walk(), value)


# --------------------------------------------------------------------------------------------------------------- threads


class _Meanwhile(Walk):
    """A walk during which another thread stores into what is walked, at the moment that a value is reached."""

    __slots__ = ("at", "store")

    def __init__(self, at: Any, store: Any) -> None:
        super().__init__()
        self.at = at
        self.store = store

    def of(self, value: Any) -> bytes:
        if value is self.at:
            self.store()
        return super().of(value)


def test_a_dict_counts_as_it_was_when_it_was_reached() -> None:
    """Another thread may store into it meanwhile, which raises nothing and mixes nothing."""
    inner = [{"a": 1}]
    table: dict[str, Any] = {"first": inner, "last": 1}

    assert Walk().of({"first": [{"a": 1}], "last": 1}) == _Meanwhile(inner, lambda: table.update(last=2, new=3)).of(
        table
    )
    assert {"first": inner, "last": 2, "new": 3} == table


def test_a_set_counts_as_it_was_when_it_was_reached() -> None:
    """As a dict does."""
    names = {("a", (1,)), ("b", (2,))}
    met = next(iter(names))

    assert Walk().of(set(names)) == _Meanwhile(met, lambda: names.add(("c", (3,)))).of(names)
    assert {("a", (1,)), ("b", (2,)), ("c", (3,))} == names
