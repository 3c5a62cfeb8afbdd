"""The table of types: what comes with holdall, what packages and programs add, and what it costs to have it."""

from __future__ import annotations

import copy
import importlib
import logging
import os
import subprocess
import sys
import threading
import tracemalloc
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.cache import hashers, register_hasher
from holdall.cache.digest import Walk, digest
from holdall.cache.ignoring import IGNORED, resolved
from holdall.errors import ConfigurationError, PluginBrokenError, PluginConflictError
from holdall.testing.distributions import on_path, write_distribution

# ------------------------------------------------------------------------------------------------------------ containers

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
keys = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.dictionaries(keys, inner).map(OrderedDict)
        | st.frozensets(keys)
        | st.sets(keys)
    ),
    max_leaves=30,
)


def form(value: Any) -> Any:
    """What is to count of a value, as a text that is compared, made in another way than digests are."""
    kind = type(value)
    if kind in {list, tuple}:
        return f"{kind.__name__}({', '.join(map(form, value))})"
    if kind is OrderedDict:
        return f"OrderedDict({', '.join(f'{form(key)}: {form(item)}' for key, item in value.items())})"
    if kind is dict:
        return f"dict({', '.join(sorted(f'{form(key)}: {form(item)}' for key, item in value.items()))})"
    if kind in {set, frozenset}:
        return f"{kind.__name__}({', '.join(sorted(map(form, value)))})"
    return f"{kind.__name__}({value!r})"


@given(values, values)
def test_digests_are_equal_where_content_is(one: Any, other: Any) -> None:
    """Of any two containers, however they are nested."""
    assert (form(one) == form(other)) == (digest(one) == digest(other))


@given(values, st.randoms())
def test_copies_and_other_orders_have_the_same_digest(value: Any, random: Any) -> None:
    """Nothing is shared in a copy, and dicts are filled in any order."""

    def shuffled(each: Any) -> Any:
        if type(each) in {list, tuple}:
            return type(each)(map(shuffled, each))
        if type(each) is dict:
            items = [(key, shuffled(item)) for key, item in each.items()]
            random.shuffle(items)
            return dict(items)
        return copy.deepcopy(each)

    assert digest(value) == digest(shuffled(value))
    assert digest([value, value]) == digest([value, shuffled(value)])


graphs = st.integers(1, 8).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=3), min_size=size, max_size=size)
)


def graph(edges: list[list[int]], order: list[int]) -> dict[Any, Any]:
    """Dicts that lead to each other, filled in an order."""
    nodes: list[dict[Any, Any]] = [{} for _ in edges]
    for number in order:
        nodes[number]["inner"] = [nodes[target] for target in edges[number]]
        nodes[number]["name"] = f"n{number % 2}"
    return nodes[0]


@given(graphs, st.randoms())
def test_circles_have_the_digest_of_their_copies(edges: list[list[int]], random: Any) -> None:
    """Whatever leads to whatever, and in whichever order it was made."""
    order = list(range(len(edges)))
    made = graph(edges, order)
    random.shuffle(order)

    assert digest(made) == digest(copy.deepcopy(made))
    assert digest(made) == digest(graph(edges, order))
    assert digest([made, 1]) == digest([graph(edges, order), 1])


def test_circles_that_differ_far_from_where_they_are_entered_differ() -> None:
    """Rounds go on until all that differs has been told apart."""

    def ring(size: int, odd: int) -> Any:
        nodes: list[dict[str, Any]] = [{"n": 0} for _ in range(size)]
        for number, node in enumerate(nodes):
            node["next"] = nodes[(number + 1) % size]
        nodes[odd]["n"] = 1
        return nodes[0]

    found = [digest(ring(30, odd)) for odd in range(30)]

    assert 30 == len(set(found))
    assert digest(ring(30, 7)) == found[7]


def test_a_walk_that_failed_can_go_on() -> None:
    """Nothing of what it could not count is left on its way."""
    walk = Walk()
    shared: list[Any] = []
    bad = [shared, {"x": (each for each in ())}]
    shared.append(bad)
    with pytest.raises(ConfigurationError):
        walk.of(bad)
    bad.pop()

    assert Walk().of(bad) == walk.of(bad)


# ------------------------------------------------------------------------------------------------------------- the table


def test_every_function_of_the_table_is_there() -> None:
    """Also of libraries that are not at hand: modules of hashers import nothing of theirs."""
    for name in hashers._FUNCTIONS:
        module, _, function = name.partition(".")

        assert callable(getattr(importlib.import_module(f"holdall.cache.hashers.{module}"), function))
    assert hashers._FAMILIES.keys() | hashers._HELD.keys() <= hashers._FUNCTIONS.keys()


@pytest.mark.parametrize(
    "value", ["1", "{'a': [1, 2.5, None], 'b': (b'x', {1, 'y'})}", "list(range(5000))", "[[1], [True, ['x']]]"]
)
def test_plain_values_import_nothing(value: str) -> None:
    """No library, no plugin, no settings that are not there already."""
    code = f"""
import sys
from holdall.cache.digest import digest
before = set(sys.modules)
digest({value})
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()


def test_instances_import_no_library() -> None:
    """Whose types are asked by their names."""
    code = """
import sys, datetime, decimal, pathlib
from holdall.cache.digest import digest
class Own:
    def __init__(self): self.x = [datetime.date(2024, 1, 1), decimal.Decimal(1), pathlib.Path("a")]
digest(Own())
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "PIL", "pydantic"}.isdisjoint(done.stdout.split())


def test_a_class_that_takes_the_name_of_a_librarys_is_not_taken_for_it() -> None:
    """What it holds counts, as of any instance."""
    named = type("ndarray", (), {"__module__": "numpy"})
    one, other = named(), named()
    one.x, other.x = 1, 2  # type: ignore[attr-defined]

    assert digest(one) != digest(other)


class Own:
    def __init__(self, x: int, y: int = 0) -> None:
        self.x = x
        self.y = y


class Below(Own):
    pass


@pytest.fixture
def registered() -> Any:
    """Nothing is registered afterwards that was not before."""
    before = dict(hashers._registered)
    yield
    hashers._registered.clear()
    hashers._registered.update(before)


def test_a_registered_hasher_says_what_content_is(registered: None) -> None:
    """For the type; of subclasses their own attributes and their class count too. The latest is asked."""
    register_hasher(Own, lambda value: -value.x)
    register_hasher(f"{Own.__module__}:Own", lambda value: value.x)

    assert digest(Own(1, 2)) == digest(Own(1, 3))
    assert digest(Own(1)) != digest(Own(2))
    assert digest(Below(1, 2)) != digest(Below(1, 3))
    assert digest(Below(1)) != digest(Own(1))
    with pytest.raises(ConfigurationError, match="module:QualName"):
        register_hasher("Own", str)


def test_a_hasher_that_fails_is_named(registered: None) -> None:
    """With the path to the value."""
    register_hasher(Own, lambda value: value.absent)
    with pytest.raises(
        ConfigurationError, match=r"x\[0\] is a .*Own, which its hasher could not read \(AttributeError"
    ):
        digest([Own(1)], name="x")


HASHER = """
class Shape:
    def __init__(self, area, note):
        self.area = area
        self.note = note

def area(shape):
    return shape.area

number = 1
"""


def test_packages_declare_hashers_for_their_types(tmp_path: Path) -> None:
    """In the entry-point group `holdall.hashers`, by the full name of a type."""
    group = {"holdall.hashers": {"shapes.Shape": "shapes:area"}}
    with on_path(write_distribution(tmp_path, "shapes", entry_points=group, modules={"shapes": HASHER})):
        shape = importlib.import_module("shapes").Shape

        assert digest(shape(1, "a")) == digest(shape(1, "b"))
        assert digest(shape(1, "a")) != digest(shape(2, "a"))


@pytest.mark.parametrize(
    ("target", "match"), [("shapes:absent", "cannot be used"), ("shapes:number", "it is no function")]
)
def test_a_hasher_that_cannot_be_loaded_is_an_error(tmp_path: Path, target: str, match: str) -> None:
    """Not another key in silence."""
    group = {"holdall.hashers": {"shapes.Shape": target}}
    with on_path(write_distribution(tmp_path, "shapes", entry_points=group, modules={"shapes": HASHER})):
        shape = importlib.import_module("shapes").Shape
        with pytest.raises(PluginBrokenError, match=match):
            digest(shape(1, "a"))


def test_two_hashers_for_one_type_are_an_error_that_names_both(tmp_path: Path, registered: None) -> None:
    """And what to do: one that is registered in the program is taken."""
    group = {"holdall.hashers": {"shapes.Shape": "shapes:area"}}
    first = write_distribution(tmp_path / "a", "shapes", entry_points=group, modules={"shapes": HASHER})
    second = write_distribution(tmp_path / "b", "others", entry_points=group)
    with on_path(first, second):
        shape = importlib.import_module("shapes").Shape
        with pytest.raises(PluginConflictError, match=r"shapes 1.0.*others 1.0.*register_hasher"):
            digest(shape(1, "a"))
        register_hasher(shape, lambda value: value.area)

        assert digest(shape(1, "a")) == digest(shape(1, "b"))


# --------------------------------------------------------------------------------------------------------- what is ignored


def test_connections_count_by_their_type() -> None:
    """Loggers, locks and their like, also below a class of the user's own."""

    class Traced(logging.Logger):
        pass

    assert digest(Own(threading.Lock())) == digest(Own(threading.Lock()))  # type: ignore[arg-type]
    assert digest(Traced("a")) == digest(Traced("b"))
    assert digest(Traced("a")) != digest(logging.getLogger("a"))


def test_the_list_of_what_is_ignored_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added is ignored too, and what has a hyphen counts again."""
    monkeypatch.chdir(tmp_path)
    name = f"{Own.__module__}:Own"
    before = digest(Own(1)) == digest(Own(2))
    one, other = logging.Filterer(), logging.Filterer()
    other.name = "b"  # type: ignore[attr-defined]
    monkeypatch.setenv("HOLDALL_CACHE_IGNORE_TYPES", f"{name},-logging:Filterer")

    assert not before
    assert digest(Own(1)) == digest(Own(2))
    assert digest(one) != digest(other)
    assert IGNORED | {name} == resolved(frozenset({name}))
    assert digest(Own(1), ignore_types=frozenset()) != digest(Own(2), ignore_types=frozenset())


def test_what_the_setting_says_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dot where a colon belongs is an error that says so."""
    (tmp_path / "holdall.toml").write_text('[cache]\nignore_types = ["shop.db.Pool"]\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"cache.ignore_types: .* is not types as module:QualName"):
        digest(Own(1))


def test_files_count_only_where_nothing_is_read_from_them(tmp_path: Path) -> None:
    """The streams of the program are ignored; any other open file is refused."""
    with (tmp_path / "x").open("w") as file, pytest.raises(ConfigurationError, match="is an open file"):
        digest(file)

    assert digest(sys.__stdout__) == digest(sys.__stderr__)


# ------------------------------------------------------------------------------------------------------- what is no layout


class Sneaky(Own):
    """Says something else than it holds."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise AssertionError("no code of a class runs")


class Hidden:
    __dict__ = property(lambda _: {})  # type: ignore[assignment]


def test_state_is_read_without_code_of_the_class() -> None:
    """Even where a class hides its attributes; where it hides them from Python itself, they are not counted by halves."""
    assert digest(Sneaky(1)) == digest(Sneaky(1))
    assert digest(Sneaky(1)) != digest(Sneaky(2))
    with pytest.raises(ConfigurationError, match="Hidden, which hides its attributes"):
        digest(Hidden())


def test_a_pickle_that_is_another_one_each_time_is_refused() -> None:
    """Of a type in C that nobody knows, where that is all there is."""
    code = """
import copyreg, itertools, _struct
from holdall.cache.digest import digest
number = itertools.count()
copyreg.pickle(_struct.Struct, lambda value: (_struct.Struct, (f"{next(number)}s",)))
digest([_struct.Struct("i")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (
        "value[0] is a _struct.Struct, which is known by its pickle alone, which is another one each time"
        in done.stderr
    )


def test_decorated_objects_do_not_hide_what_others_of_their_class_hold() -> None:
    """An instance with `__wrapped__` is what a decorator made; one without is an instance."""
    first, one, other = Own(1), Own(2), Own(3)
    first.__wrapped__ = len  # type: ignore[attr-defined]
    found = digest([first, one])

    assert found != digest([first, other])


# ------------------------------------------------------------------------------------------------------------- no copies


@pytest.mark.parametrize(
    "make",
    [
        partial(np.zeros, 4 << 20),
        partial(pd.DataFrame, {"a": np.zeros(4 << 20)}),
        lambda: pa.array(np.zeros(4 << 20)),
        lambda: memoryview(bytes(32 << 20)),
        lambda: np.ma.masked_array(np.zeros(4 << 20)).data,
    ],
)
def test_large_buffers_are_taken_as_they_lie(make: Any) -> None:
    """At most a fifth of the data is allocated meanwhile."""
    value = make()
    digest(value)
    tracemalloc.start()
    digest(value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 6 << 20


def test_strided_arrays_are_copied_piece_by_piece() -> None:
    """Never as a whole."""
    value = np.zeros((4096, 2048))[:, ::2]
    digest(value)
    tracemalloc.start()
    digest(value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 12 << 20


def test_digests_do_not_depend_on_the_folder_or_the_time(tmp_path: Path) -> None:
    """Nor on anything else around the process."""
    code = (
        "from holdall.cache.digest import digest; import pathlib; print(digest([pathlib.Path('a'), {'x'}, ValueError]))"
    )
    found = {
        subprocess.run(
            [sys.executable, *flags, "-c", code],
            cwd=folder,
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for folder, zone, flags in ((tmp_path, "UTC", []), (Path.cwd(), "Asia/Tokyo", ["-O"]))
    }

    assert 1 == len(found)
