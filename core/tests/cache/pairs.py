"""Pairs of inputs, equal and different; run as a program, it prints their digests as JSON.

A program of its own, so that two of them with other hash seeds can be compared: `test_pairs.py` does.
"""

from __future__ import annotations

import array
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import json
import logging
import math
import mmap
import operator
import pathlib
import pickle
import random
import re
import socket
import struct
import sys
import tempfile
import threading
import types
import typing
import uuid
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pydantic
import scipy.sparse as sp
from PIL import Image

from holdall.cache.digest import digest

Pair = tuple[str, Callable[[], tuple[Any, Any]]]
EQUAL: dict[str, Callable[[], tuple[Any, Any]]] = {}
DIFFERENT: dict[str, Callable[[], tuple[Any, Any]]] = {}

UTC = dt.UTC
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def equal(make: Callable[[], tuple[Any, Any]]) -> None:
    EQUAL[make.__name__] = make


def different(make: Callable[[], tuple[Any, Any]]) -> None:
    DIFFERENT[make.__name__] = make


def differ(**pairs: tuple[Any, Any]) -> None:
    for name, (one, other) in pairs.items():
        DIFFERENT[name] = lambda one=one, other=other: (one, other)


def same(**pairs: tuple[Any, Any]) -> None:
    for name, (one, other) in pairs.items():
        EQUAL[name] = lambda one=one, other=other: (one, other)


# ------------------------------------------------------------------------------------------------- the language itself


class Text(str):
    __slots__ = ()


class Names(dict[str, Any]):
    pass


class Tags(set[str]):
    pass


class Number(int):
    pass


class Rows(list[Any]):
    pass


class Slotted:
    __slots__ = ("__dict__", "x")


class Plain:
    def __init__(self, **names: Any) -> None:
        self.__dict__.update(names)

    @functools.cached_property
    def size(self) -> int:
        return len(self.__dict__)

    @property
    def trap(self) -> int:
        raise AssertionError("no code of a class runs")

    def __getstate__(self) -> Any:
        raise AssertionError("no code of a class runs")

    def __reduce_ex__(self, _: Any) -> Any:
        raise AssertionError("no code of a class runs")

    def __eq__(self, _: object) -> bool:
        raise AssertionError("no code of a class runs")

    def __hash__(self) -> int:
        raise AssertionError("no code of a class runs")


class Other(Plain):
    pass


Point = namedtuple("Point", "x y")  # noqa: PYI024 - what is met


class Place(typing.NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Mood(enum.Enum):
    RED = 1


class Side(enum.StrEnum):
    BUY = "buy"


class Level(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    A = 1
    B = 2


def slotted(**names: Any) -> Slotted:
    made = Slotted()
    for name, value in names.items():
        setattr(made, name, value)
    return made


def cycle(*texts: str) -> list[Any]:
    made: list[Any] = [*texts]
    made.append(made)
    return made


def family(name: str) -> Plain:
    parent, children = Plain(name=name), [Plain(n=number) for number in range(3)]
    parent.children = children
    for child in children:
        child.parent = parent
        child.siblings = list(children)
    return parent


def noted(error: BaseException, note: str) -> BaseException:
    error.add_note(note)
    return error


def caused(error: BaseException, cause: BaseException | None) -> BaseException:
    error.__cause__ = cause
    return error


def with_attribute(value: Any, **names: Any) -> Any:
    for name, each in names.items():
        setattr(value, name, each)
    return value


shared = ["a", ["b"]]
same(
    dict_order=({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
    set_order=({"a", "b", "c"}, {"c", "b", "a"}),
    frozenset_of_tuples=(frozenset([(1, "a"), (2, "b")]), frozenset([(2, "b"), (1, "a")])),
    shared_and_copied=([shared, shared], [shared, copy.deepcopy(shared)]),
    shared_in_dict=({"a": shared, "b": shared}, {"b": copy.deepcopy(shared), "a": copy.deepcopy(shared)}),
    cycles=(cycle("x", "y"), copy.deepcopy(cycle("x", "y"))),
    cycle_beside_shared=([shared, shared, cycle("x")], [shared, copy.deepcopy(shared), cycle("x")]),
    nan=(float("nan"), -float("nan")),
    nan_payload=([struct.unpack("<d", b"\1\0\0\0\0\0\xf8\x7f")[0]], [math.nan]),
    interned=("ab" * 3, "".join(list("ababab"))),
    long_integers=(10**5000, 10**4999 * 10),
    views=(memoryview(b"xaxbxc")[1::2], memoryview(b"abc")),
    views_of_other_buffers=(memoryview(b"abc"), memoryview(bytearray(b"abc"))),
    instances=(Plain(a=1, b=[2]), Plain(b=[2], a=1)),
    slots=(slotted(x=1, y=2), slotted(y=2, x=1)),
    enum_members=(Colour(1), Colour.RED),
    flags=(Flags(3), Flags.A | Flags.B),
    exceptions=(ValueError("x", 1), ValueError("x", 1)),
    nested_sets=({frozenset({"a", "b"}), frozenset({"c"})}, {frozenset({"c"}), frozenset({"b", "a"})}),
    counters=(Counter("aab"), Counter("baa")),
    mapping_proxies=(types.MappingProxyType({"a": 1, "b": 2}), types.MappingProxyType({"b": 2, "a": 1})),
    namespaces=(types.SimpleNamespace(a=1, b=2), types.SimpleNamespace(b=2, a=1)),
    generic_aliases=(list[int], list[int]),
    patterns=(re.compile("a", re.IGNORECASE), re.compile("a", re.IGNORECASE)),
)
same(families=(family("a"), family("a")))
differ(
    integers_and_floats=(1, 1.0),
    integers_and_booleans=(1, True),
    floats_and_booleans=([0.0], [False]),
    zeros=(0.0, -0.0),
    zeros_in_lists=([0.0, "a"], [-0.0, "a"]),
    complex_zeros=(complex(0.0, -0.0), complex(0.0, 0.0)),
    text_and_bytes=("a", b"a"),
    bytes_and_bytearray=(b"a", bytearray(b"a")),
    lists_and_tuples=([1, 2], (1, 2)),
    empty_containers=([], ()),
    sets_and_frozensets=({1}, frozenset({1})),
    order_of_lists=([1, [2]], [[2], 1]),
    nesting=([[1], [2]], [[1, 2]]),
    texts_that_look_alike=(["a", "b"], ["a', 'b"]),
    none_and_text=(None, "None"),
    keys=({1: "a"}, {"1": "a"}),
    keys_of_other_types=({1: "a"}, {True: "a"}),
    items_swapped=({"a": "b", "b": "a"}, {"a": "a", "b": "b"}),
    text_subclasses=("a", Text("a")),
    text_enums=(Side.BUY, "buy"),
    integer_enums=(Level.ONE, 1),
    integer_subclasses=(Number(1), 1),
    dict_subclasses=(Names(a=1), {"a": 1}),
    attributes_of_dicts=(Names(a=1), with_attribute(Names(a=1), note="x")),
    attributes_of_counters=(Counter("a"), with_attribute(Counter("a"), note="x")),
    attributes_of_sets=(Tags("a"), with_attribute(Tags("a"), note="x")),
    attributes_of_lists=(Rows([1]), with_attribute(Rows([1]), note="x")),
    attributes_of_numbers=(Number(1), with_attribute(Number(1), note="x")),
    named_tuples=(Point(1, 2), (1, 2)),
    named_tuples_by_class=(Point(1, 2), Place(1, 2)),
    enums_of_other_classes=(Colour.RED, Mood.RED),
    enum_members_apart=(Colour.RED, Colour.BLUE),
    flags_apart=(Flags.A, Flags.A | Flags.B),
    classes_of_instances=(Plain(a=1), Other(a=1)),
    state_of_instances=(Plain(a=1), Plain(a=1.0)),
    names_of_attributes=(Plain(a=1), Plain(b=1)),
    slots_and_attributes=(slotted(x=1), slotted(x=1, y=2)),
    view_formats=(memoryview(b"\0\0\0\0"), memoryview(b"\0\0\0\0").cast("I")),
    view_signs=(memoryview(b"\0\1").cast("b"), memoryview(b"\0\1").cast("B")),
    view_shapes=(memoryview(b"abcd").cast("B", (2, 2)), memoryview(b"abcd").cast("B", (4, 1))),
    ranges=(range(3), range(0, 3, 2)),
    ranges_and_lists=(range(3), [0, 1, 2]),
    exceptions_by_type=(ValueError("x"), TypeError("x")),
    exceptions_by_file=(OSError(2, "x", "a"), OSError(2, "x", "b")),
    exceptions_by_note=(ValueError("x"), noted(ValueError("x"), "n")),
    exceptions_by_cause=(ValueError("x"), caused(ValueError("x"), KeyError("y"))),
    cycles_apart=(cycle("x", "y"), cycle("x", "z")),
    families_apart=(family("a"), family("b")),
    patterns_by_flag=(re.compile("a"), re.compile("a", re.DOTALL)),
    types_apart=(int, float),
    generics=(list[int], list[str]),
    unions=(int | None, str | None),
    typing_generics=(typing.List[int], typing.Sequence[int]),  # noqa: UP006 - the old ones are met
    annotated_types=(typing.Annotated[int, 1], typing.Annotated[int, 2]),
    item_getters=(operator.itemgetter("a"), operator.itemgetter("b")),
    slices=(slice(1), slice(1, None, 2)),
    functions=(math.sin, math.cos),
)


@equal
def a_read_cached_property() -> tuple[Any, Any]:
    read = Plain(a=1)
    assert 1 == read.size
    return Plain(a=1), read


@different
def classes_made_twice_with_other_methods() -> tuple[Any, Any]:
    return math.sin, (math.sin,)


# -------------------------------------------------------------------------------------------------- the standard library


def opened(text: str, position: int = 0) -> io.StringIO:
    made = io.StringIO(text)
    made.seek(position)
    return made


def read_bytes(data: bytes, position: int = 0) -> io.BytesIO:
    made = io.BytesIO(data)
    made.seek(position)
    return made


def mapped(data: bytes) -> mmap.mmap:
    made = mmap.mmap(-1, len(data))
    made[:] = data
    return made


def used_path() -> pathlib.PurePath:
    made = pathlib.PurePosixPath("a/b.txt")
    assert "a/b.txt" == str(made)
    assert hash(made) == hash(made)
    assert ("a", "b.txt") == made.parts
    return made


moment = dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)
same(
    paths=(pathlib.PurePosixPath("a//b.txt"), used_path()),
    pickled_path=(pathlib.Path("a/b"), pickle.loads(pickle.dumps(pathlib.Path("a/b")))),
    moments=(moment, pickle.loads(pickle.dumps(moment))),
    zones=(BERLIN, zoneinfo.ZoneInfo.no_cache("Europe/Berlin")),
    durations=(dt.timedelta(days=1), dt.timedelta(hours=24)),
    decimals=(decimal.Decimal("1.0"), decimal.Decimal((0, (1, 0), -1))),
    identifiers=(uuid.UUID(int=1), uuid.UUID("00000000-0000-0000-0000-000000000001")),
    arrays=(array.array("i", [1, 2]), array.array("i", (each for each in (1, 2)))),
    maps=(mapped(b"abc"), mapped(b"abc")),
    files_in_memory=(read_bytes(b"abc"), io.BytesIO(b"abc")),
    queues=(deque([1, 2], 5), deque((1, 2), maxlen=5)),
    default_dicts=(defaultdict(list, a=1, b=2), defaultdict(list, b=2, a=1)),
    networks=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("10.0.0.0/255.0.0.0")),
    random_generators=(random.Random(1), random.Random(1)),
    locks=(threading.Lock(), threading.Lock()),
    loggers=(logging.getLogger("a"), logging.getLogger("b")),
    partials=(functools.partial(int, base=2), functools.partial(int, base=2)),
    chain_maps=(ChainMap({"a": 1, "b": 2}), ChainMap({"b": 2, "a": 1})),
)
differ(
    ordered_dicts=(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    ordered_and_plain=(OrderedDict(a=1), {"a": 1}),
    user_dicts=(UserDict(a=1), {"a": 1}),
    default_factories=(defaultdict(list, a=1), defaultdict(set, a=1)),
    queue_bounds=(deque([1]), deque([1], 5)),
    decimal_exponents=(decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    decimal_zeros=(decimal.Decimal(0), decimal.Decimal("-0")),
    decimals_and_integers=(decimal.Decimal(1), 1),
    fractions_apart=(fractions.Fraction(1, 2), fractions.Fraction(1, 3)),
    paths_apart=(pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    paths_and_texts=(pathlib.Path("a"), "a"),
    concrete_paths=(pathlib.PurePosixPath("a"), pathlib.PosixPath("a")),
    folds=(moment, moment.replace(fold=1)),
    zone_and_offset=(moment, moment.astimezone(dt.timezone(dt.timedelta(hours=2)))),
    zones_of_one_offset=(moment, moment.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))),
    naive_and_aware=(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC)),  # noqa: DTZ001 - what is met
    dates_and_moments=(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),  # noqa: DTZ001 - what is met
    zone_names=(dt.timezone(dt.timedelta(0)), dt.timezone(dt.timedelta(0), "GMT")),
    utc_of_two_kinds=(UTC, zoneinfo.ZoneInfo("UTC")),
    times_of_day=(dt.time(1), dt.time(1, fold=1)),
    array_types=(array.array("i", [1]), array.array("l", [1])),
    array_zeros=(array.array("d", [0.0]), array.array("d", [-0.0])),
    positions_in_files=(read_bytes(b"abc"), read_bytes(b"abc", 1)),
    texts_in_memory=(opened("abc"), opened("abc", 1)),
    maps_apart=(mapped(b"abc"), mapped(b"abd")),
    addresses=(ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.2")),
    random_states=(random.Random(1), random.Random(2)),
    locks_and_loggers=(threading.Lock(), logging.getLogger("a")),
    partials_apart=(functools.partial(int, base=2), functools.partial(int, base=3)),
    chain_maps_apart=(ChainMap({"a": 1}, {"a": 2}), ChainMap({"a": 2}, {"a": 1})),
)


@equal
def sockets() -> tuple[Any, Any]:
    with socket.socket() as one, socket.socket() as other:
        return one, other


# ---------------------------------------------------------------------------------------- dataclasses, attrs, pydantic


@dataclasses.dataclass
class Config:
    names: set[str] = dataclasses.field(default_factory=lambda: {"a", "b", "c"})
    depth: int = 1
    note: str = dataclasses.field(default="", compare=False)

    @functools.cached_property
    def size(self) -> int:
        return len(self.names)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: Any
    y: Any = 0


@attrs.frozen(cache_hash=True)
class Attrs:
    x: int
    y: list[int] = attrs.field(factory=list, hash=False)

    @functools.cached_property
    def size(self) -> int:
        return len(self.y)


@attrs.define(slots=False)
class Loose:
    x: int


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int = 1
    names: set[str] = {"x", "y"}
    _seen: int = pydantic.PrivateAttr(default=0)

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @functools.cached_property
    def size(self) -> int:
        return len(self.names)


class Secret(pydantic.BaseModel):
    key: pydantic.SecretStr
    url: pydantic.HttpUrl = pydantic.HttpUrl("http://a.example")


def seen(number: int) -> Model:
    made = Model()
    made._seen = number
    return made


class Hashed:
    """Notes its hash, as classes of some libraries do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.name)
        return self._hash


@equal
def hashes_that_were_noted() -> tuple[Any, Any]:
    noted = Hashed("a")
    assert hash("a") == hash(noted)
    return Hashed("a"), noted


@equal
def files_that_are_mapped() -> tuple[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.npy")
        np.save(path, np.arange(5))
        return np.arange(5), np.load(path, mmap_mode="r")


@equal
def attrs_that_were_read() -> tuple[Any, Any]:
    read = Attrs(1, [2])
    assert hash(read) == hash(read)
    assert 1 == read.size
    return Attrs(1, [2]), read


@equal
def models_that_were_read() -> tuple[Any, Any]:
    read = Model()
    assert 2 == read.size
    return Model(), read


@equal
def dataclasses_that_were_read() -> tuple[Any, Any]:
    read = Config()
    assert 3 == read.size
    return Config(), read


same(
    dataclass_sets=(Config({"a", "b"}), Config({"b", "a"})),
    slotted_dataclasses=(Frozen([1]), Frozen([1])),
    fields_given_or_left=(Model(), Model(a=1)),
    secrets=(Secret(key="k"), Secret(key="k")),
)
differ(
    dataclass_fields=(Config(depth=1), Config(depth=2)),
    fields_that_eq_skips=(Config(note="a"), Config(note="b")),
    slotted_fields=(Frozen(1, 2), Frozen(2, 1)),
    types_in_fields=(Frozen(1), Frozen(True)),
    attrs_fields=(Attrs(1, [1]), Attrs(1, [2])),
    attrs_with_a_dict=(Loose(1), Loose(2)),
    extras=(Model(), Model(more=1)),
    private=(seen(1), seen(2)),
    model_fields=(Model(a=1), Model(a=2)),
    secrets_apart=(Secret(key="k"), Secret(key="l")),
    urls_apart=(Secret(key="k", url="http://b.example"), Secret(key="k")),
)

# ------------------------------------------------------------------------------------------------------------- NumPy

grid = np.arange(12.0).reshape(3, 4)
padded = np.dtype([("a", "i1"), ("b", "<i4")], align=True)


def structured(fill: int) -> Any:
    made = np.frombuffer(bytearray([fill]) * padded.itemsize * 2, dtype=padded)
    made["a"], made["b"] = [1, 2], [3, 4]
    return made


class Tagged(np.ndarray):
    pass


def tagged(note: str) -> Any:
    return with_attribute(np.arange(3).view(Tagged), note=note)


def masked(**options: Any) -> Any:
    return np.ma.masked_array([1.0, 2.0, 3.0], **options)


def printed(value: Any) -> Any:
    assert repr(value)
    return value


nans = np.array([np.nan, 1.0])
odd_nans = np.array([0x7FF8000000000001, 0x3FF0000000000000], dtype="u8").view("f8")
same(
    strided_columns=(grid[:, ::2], grid[:, ::2].copy()),
    slices_of_columns=(grid[:, 1:3], np.ascontiguousarray(grid[:, 1:3])),
    fortran=(grid, np.asfortranarray(grid)),
    transposed=(grid.T, grid.T.copy()),
    reversed_arrays=(grid[::-1, ::-1], grid[::-1, ::-1].copy()),
    broadcast=(np.broadcast_to(np.arange(4), (3, 4)), np.tile(np.arange(4), (3, 1))),
    large_transposed=(np.arange(2.0**20).reshape(1024, 1024).T, np.arange(2.0**20).reshape(1024, 1024).T.copy()),
    nan_bits=(nans, odd_nans),
    padding_of_fields=(structured(0), structured(255)),
    object_arrays=(np.array(["a", None], dtype=object), np.array(["".join("a"), None], dtype=object)),
    read_only=(grid, with_attribute(grid.copy(), flags=None) if False else np.frombuffer(grid.tobytes()).reshape(3, 4)),
    masks_that_hide_nothing=(masked(), masked(mask=[False] * 3)),
    fill_values_by_default=(masked(mask=[1, 0, 0]), printed(masked(mask=[1, 0, 0], fill_value=1e20))),
    generators=(np.random.default_rng(1), np.random.default_rng(1)),
    long_doubles=(np.arange(3, dtype=np.longdouble), np.frombuffer(
        np.where(np.arange(48) % 16 >= 10, 7, np.arange(3, dtype=np.longdouble).view("u1")).astype("u1").tobytes(),
        dtype=np.longdouble,
    )),
)  # fmt: skip
differ(
    array_dtypes=(np.arange(3), np.arange(3.0)),
    array_widths=(np.arange(3, dtype="i4"), np.arange(3, dtype="i8")),
    byte_orders=(np.arange(3, dtype="<i4"), np.arange(3, dtype=">i4")),
    shapes=(np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)),
    order_of_items=(grid, grid.T.reshape(3, 4)),
    negative_zeros=(np.array([0.0]), np.array([-0.0])),
    units=(np.array([1], "M8[s]"), np.array([1], "M8[ms]")),
    multiples_of_units=(np.array([1], "M8[s]"), np.array([1], "M8[25s]")),
    moments_and_durations=(np.array([1], "M8[s]"), np.array([1], "m8[s]")),
    field_names=(np.zeros(2, [("a", "i4")]), np.zeros(2, [("b", "i4")])),
    dtype_metadata=(np.zeros(2), np.zeros(2, np.dtype("f8", metadata={"unit": "m"}))),
    arrays_and_scalars=(np.float64(1), np.array(1.0)),
    scalars_and_numbers=(np.float64(1), 1.0),
    scalar_types=(np.int32(1), np.int64(1)),
    array_subclasses=(tagged("a"), np.arange(3)),
    attributes_of_arrays=(tagged("a"), tagged("b")),
    matrices=(np.matrix([[1]]), np.array([[1]])),
    record_arrays=(np.rec.array([(1,)], dtype=[("a", "i4")]), np.array([(1,)], dtype=[("a", "i4")])),
    masks=(masked(mask=[1, 0, 0]), masked(mask=[0, 1, 0])),
    fill_values=(masked(fill_value=1), masked(fill_value=2)),
    objects_by_type=(np.array([1, "a"], dtype=object), np.array([True, "a"], dtype=object)),
    texts_by_width=(np.array(["a"], "U1"), np.array(["a"], "U2")),
    empty_arrays=(np.zeros((0, 3)), np.zeros((3, 0))),
    dtypes=(np.dtype("f4"), np.dtype("f8")),
    generators_apart=(np.random.default_rng(1), np.random.default_rng(2)),
    universal_functions=(np.sin, np.cos),
)

# ------------------------------------------------------------------------------------------------------------ pandas


def frame(**options: Any) -> Any:
    return pd.DataFrame(
        {"a": range(3), "t": ["x", "y", None], "f": [0.5, np.nan, 2.0]},
        index=pd.date_range("2024-01-01", periods=3), **options,
    )  # fmt: skip


def parquet(value: pd.DataFrame) -> pd.DataFrame:
    """Through a file; pandas does not write the frequency, which our own serializer puts back."""
    file = io.BytesIO()
    value.to_parquet(file)
    found = pd.read_parquet(file)
    if isinstance(value.index, pd.DatetimeIndex) and isinstance(found.index, pd.DatetimeIndex):
        found.index.freq = value.index.freq
    return found


def used(value: Any) -> Any:
    assert repr(value)
    for name in getattr(value, "columns", []):
        assert len(value) == len(value[name])
        assert value.index.is_unique
        assert 0 == value.index.get_loc(value.index[0])
    return value


def noted_frame(**attributes: Any) -> Any:
    made = frame()
    made.attrs.update(attributes)
    return made


def built() -> Any:
    made = frame()[["a"]].copy()
    made["t"] = pd.Series(["x", "y", None], index=made.index)
    made["f"] = [0.5, float("nan"), 2.0]
    return made


class Survey(pd.DataFrame):
    _metadata = ["country"]  # noqa: RUF012 - as pandas asks for it

    @property
    def _constructor(self) -> Any:
        return Survey


def survey(country: str) -> Any:
    return with_attribute(Survey({"a": [1]}), country=country)


levels = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["l", "n"])
holidays = pd.offsets.CustomBusinessDay(holidays=["2024-01-16"])
same(
    printed_frames=(frame(), used(frame())),
    copied_frames=(frame(), frame().copy()),
    frames_made_in_pieces=(frame(), built()),
    sliced_frames=(frame()[1:], frame()[1:].copy()),
    selected_columns=(frame()[["a", "f"]], frame()[["a", "f"]].copy()),
    pickled_frames=(frame(), pickle.loads(pickle.dumps(frame()))),
    transposed_frames=(pd.DataFrame(grid.T), pd.DataFrame(grid.T.copy())),
    level_codes=(levels[:2], pd.MultiIndex.from_tuples(levels[:2].tolist(), names=["l", "n"])),
    below_missing=(
        pd.arrays.IntegerArray(np.array([1, 2]), np.array([False, True])),
        pd.arrays.IntegerArray(np.array([1, 9]), np.array([False, True])),
    ),
    timestamps=(pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-01T00:00", tz="UTC")),
    strings_of_arrow_in_chunks=(
        pd.Series(pd.array(["a", "b", None], dtype="string[pyarrow]")),
        pd.concat(
            [pd.Series(["a"], dtype="string[pyarrow]"), pd.Series(["b", None], dtype="string[pyarrow]")],
            ignore_index=True,
        ),
    ),
    business_days=(holidays, pd.offsets.CustomBusinessDay(holidays=["2024-01-16"])),
    surveys=(survey("a"), used(survey("a"))),
    cut=(pd.cut(pd.Series([1, 5]), 2), pd.cut(pd.Series([1, 5]), 2)),
    read_categories=(pd.Categorical(["a", "b"]), used(pd.Categorical(["a", "b"]))),
)


@equal
def frames_from_parquet() -> tuple[Any, Any]:
    return frame(), parquet(frame())


@equal
def categories_from_parquet() -> tuple[Any, Any]:
    made = pd.DataFrame(
        {"k": pd.Categorical(["b", "a"], ["b", "a", "c"]), "z": pd.date_range("2024", periods=2, tz="UTC")}
    )
    return made, parquet(made)


differ(
    column_order=(frame()[["a", "t"]], frame()[["t", "a"]]),
    column_names=(frame(), frame().rename(columns={"a": "b"})),
    frame_dtypes=(frame(), frame().astype({"a": "int32"})),
    frame_attrs=(frame(), noted_frame(unit="m")),
    frame_flags=(frame(), frame().set_flags(allows_duplicate_labels=False)),
    index_names=(frame(), frame().rename_axis("when")),
    index_frequency=(frame(), frame().set_index(pd.DatetimeIndex(list(frame().index)))),
    index_types=(pd.RangeIndex(3), pd.Index([0, 1, 2])),
    index_values=(frame(), frame().set_index(pd.date_range("2024-01-02", periods=3))),
    names_of_columns=(frame(), frame().rename_axis(columns="c")),
    names_of_levels=(levels, levels.rename(["l", "m"])),
    series_names=(pd.Series([1], name="a"), pd.Series([1], name="b")),
    series_and_frames=(pd.Series([1]), pd.Series([1]).to_frame()),
    order_of_categories=(pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["b", "a"])),
    unused_categories=(pd.Categorical(["a"], ["a"]), pd.Categorical(["a"], ["a", "b"])),
    ordered_categories=(pd.Categorical(["a"], ordered=True), pd.Categorical(["a"])),
    zones_of_series=(
        pd.Series(pd.to_datetime([0], utc=True)),
        pd.Series(pd.to_datetime([0], utc=True).tz_convert(BERLIN)),
    ),
    units_of_series=(pd.Series(pd.to_datetime([0]).as_unit("s")), pd.Series(pd.to_datetime([0]).as_unit("ms"))),
    timestamp_units=(pd.Timestamp(0).as_unit("s"), pd.Timestamp(0).as_unit("ms")),
    missing_kinds=(pd.NaT, pd.NA),
    missing_or_nan=(
        pd.array([1.0, None], dtype="Float64"),
        pd.arrays.FloatingArray(np.array([1, np.nan]), np.array([False, False])),
    ),
    nullable=(pd.Series([1, 2]), pd.Series([1, 2], dtype="Int64")),
    objects_or_strings=(pd.Series(["a"], dtype=object), pd.Series(["a"], dtype="string")),
    arrow_dtypes=(pd.Series([1], dtype="int64[pyarrow]"), pd.Series([1], dtype="Int64")),
    text_enum_in_column=(pd.Series([Side.BUY], dtype=object), pd.Series(["buy"], dtype=object)),
    offsets=(pd.DateOffset(months=1), pd.DateOffset(months=2)),
    weeks=(pd.offsets.Week(weekday=1), pd.offsets.Week(weekday=2)),
    holidays_apart=(holidays, pd.offsets.CustomBusinessDay(holidays=["2024-01-17"])),
    periods=(pd.Period("2024-01", "M"), pd.Period("2024-01-01", "D")),
    period_frequencies=(pd.period_range("2024", periods=2, freq="M"), pd.period_range("2024", periods=2, freq="Y")),
    intervals=(pd.Interval(0, 1), pd.Interval(0, 1, closed="both")),
    interval_indexes=(pd.interval_range(0, 2), pd.interval_range(0, 2, closed="left")),
    frame_subclasses=(survey("a"), survey("b")),
    frame_subclass_or_not=(survey("a"), pd.DataFrame({"a": [1]})),
    sparse=(pd.Series(pd.arrays.SparseArray([0, 1])), pd.Series(pd.arrays.SparseArray([0, 1], fill_value=1))),
)

# --------------------------------------------------------------------------------------------------- Arrow and polars


def chunks(*parts: Any, **options: Any) -> Any:
    return pa.chunked_array(list(parts), **options)


def view_of(kind: Any, values: list[Any]) -> Any:
    return pa.array([None, *values, None], type=kind)[1:-1]


def below_null(value: int) -> Any:
    valid = pa.py_buffer(b"\1")
    return pa.Array.from_buffers(pa.int64(), 2, [valid, pa.py_buffer(struct.pack("<qq", 1, value))])


KINDS: dict[str, tuple[Any, list[Any]]] = {
    "bool": (pa.bool_(), [True, None, False] * 5),
    "int": (pa.int16(), [1, None, 3]),
    "float": (pa.float32(), [1.5, None, float("nan")]),
    "text": (pa.string(), ["a", None, "", "bc"]),
    "long_text": (pa.large_string(), ["a", None, "", "bc"]),
    "text_view": (pa.string_view(), ["a", None, "a text that is long enough"]),
    "bytes": (pa.binary(), [b"a", None]),
    "fixed": (pa.binary(2), [b"ab", None]),
    "decimal": (pa.decimal128(5, 2), [decimal.Decimal("1.50"), None]),
    "moment": (pa.timestamp("us", "UTC"), [dt.datetime(2024, 1, 1, tzinfo=UTC), None]),
    "date": (pa.date32(), [dt.date(2024, 1, 1), None]),
    "null": (pa.null(), [None, None]),
    "list": (pa.list_(pa.int8()), [[1, None], None, [], [2]]),
    "fixed_list": (pa.list_(pa.int8(), 2), [[1, 2], None, [3, None]]),
    "list_of_texts": (pa.large_list(pa.string()), [["a"], None, ["b", "c"]]),
    "struct": (pa.struct({"a": pa.int8(), "b": pa.string()}), [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "map": (pa.map_(pa.string(), pa.int8()), [[("a", 1)], None, [("b", None), ("c", 3)]]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a"]),
}
for name, (kind, values) in KINDS.items():
    whole = pa.array(values, type=kind)
    same(
        **{
            f"arrow_slices_of_{name}": (view_of(kind, values), whole),
            f"arrow_chunks_of_{name}": (chunks(whole[:1], whole[1:]), chunks(whole)),
            f"arrow_slice_in_chunks_of_{name}": (chunks(whole[1:]), chunks(pa.array(values[1:], type=kind))),
        }
    )
    if name != "null":
        differ(
            **{
                f"arrow_values_of_{name}": (whole, pa.array([*values[:-1], None, *values[-1:]], type=kind)),
                f"arrow_nulls_of_{name}": (whole[:1], pa.array([None], type=kind)),
            }
        )


def table(**metadata: str) -> Any:
    return pa.table({"a": [1, 2], "t": ["x", None], "l": [[1], []]}).replace_schema_metadata(metadata or None)


def read_back(value: Any) -> Any:
    out = io.BytesIO()
    pyarrow.parquet.write_table(value, out)
    return pyarrow.parquet.read_table(io.BytesIO(out.getvalue()))


same(
    arrow_below_null=(below_null(1), below_null(2)),
    arrow_tables_in_chunks=(
        pa.concat_tables([table(), table()]),
        pa.concat_tables([table(), table()]).combine_chunks(),
    ),
    arrow_tables_read=(table(), read_back(table())),
    dictionary_order=(
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", "b"])),
        pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["b", "a", "c"])),
    ),
    dictionary_widths=(
        pa.array(["a"]).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
        pa.array(["a"]).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string())),
    ),
    metadata_order=(table(a="1", b="2"), table(b="2", a="1")),
)
differ(
    arrow_types=(pa.array([1], pa.int8()), pa.array([1], pa.int16())),
    arrow_texts=(pa.array(["a"]), pa.array(["a"], pa.large_string())),
    arrow_or_dictionary=(pa.array(["a"]), pa.array(["a"]).dictionary_encode()),
    arrow_zones=(pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us", "Europe/Berlin"))),
    arrow_units=(pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("ms"))),
    arrow_metadata=(table(), table(a="1")),
    arrow_nullable=(pa.schema([pa.field("a", pa.int8())]), pa.schema([pa.field("a", pa.int8(), nullable=False)])),
    arrow_columns=(table(), table().select(["t", "a", "l"])),
    arrow_lists=(pa.array([[1], [2, 3]]), pa.array([[1, 2], [3]])),
    arrow_texts_apart=(pa.array(["ab", "c"]), pa.array(["a", "bc"])),
    ordered_dictionaries=(
        pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["a", "b"]), ordered=True),
        pa.DictionaryArray.from_arrays(pa.array([1]), pa.array(["b", "a"]), ordered=True),
    ),
    arrow_scalars=(pa.scalar(1, pa.int8()), pa.scalar(1, pa.int16())),
    chunked_and_plain=(pa.array([1]), pa.chunked_array([[1]])),
)

few = pl.DataFrame(
    {"a": [1, None], "t": ["x", "y"], "l": [[1], [2, 3]], "s": [{"u": 1}, {"u": 2}], "f": [0.5, float("nan")]}
)
same(
    polars_chunks=(pl.concat([few, few], rechunk=False), pl.concat([few, few], rechunk=True)),
    polars_slices=(few[1:], pl.DataFrame(few[1:].to_dicts(), schema=few.schema)),
    polars_copies=(few, few.clone()),
    polars_categories=(
        pl.Series(["b", "a"], dtype=pl.Categorical)[1:],
        pl.Series(["a"], dtype=pl.Categorical),
    ),
    polars_pickled=(few, pickle.loads(pickle.dumps(few))),
)
differ(
    polars_dtypes=(pl.Series([1], dtype=pl.Int8), pl.Series([1], dtype=pl.Int16)),
    polars_names=(pl.Series("a", [1]), pl.Series("b", [1])),
    polars_columns=(few, few.select(reversed(few.columns))),
    polars_categorical_or_text=(pl.Series(["a"]), pl.Series(["a"], dtype=pl.Categorical)),
    polars_enums=(pl.Series(["a"], dtype=pl.Enum(["a", "b"])), pl.Series(["a"], dtype=pl.Enum(["b", "a"]))),
    polars_zones=(
        pl.Series([0]).cast(pl.Datetime("us", "UTC")),
        pl.Series([0]).cast(pl.Datetime("us", "Europe/Berlin")),
    ),
    polars_units=(pl.Series([0]).cast(pl.Datetime("us")), pl.Series([0]).cast(pl.Datetime("ms"))),
    polars_lists_or_arrays=(pl.Series([[1]]), pl.Series([[1]], dtype=pl.Array(pl.Int64, 1))),
    polars_series_or_frames=(pl.Series("a", [1]), pl.DataFrame({"a": [1]})),
    polars_or_pandas=(pl.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})),
)

# ------------------------------------------------------------------------------------------------------- scipy, Pillow

rows, columns, items = [0, 1, 0], [1, 0, 1], [1.0, 2.0, 3.0]
unsorted = sp.csr_matrix((np.array([1.0, 2.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))
same(
    doubled_items=(sp.csr_matrix((items, (rows, columns))), sp.csr_matrix(([4.0, 2.0], ([0, 1], [1, 0])))),
    doubled_items_of_coo=(sp.coo_array((items, (rows, columns))), sp.coo_array(([2.0, 4.0], ([1, 0], [0, 1])))),
    unsorted_indices=(unsorted, sp.csr_matrix([[2.0, 1.0]])),
    matrices_as_dict=(sp.dok_array(np.eye(2)), sp.dok_array(np.eye(2))),
    lists_of_rows=(sp.lil_array(np.eye(2)), sp.lil_array(np.eye(2))),
)
differ(
    formats=(sp.csr_array(np.eye(2)), sp.csc_array(np.eye(2))),
    arrays_or_matrices=(sp.csr_array(np.eye(2)), sp.csr_matrix(np.eye(2))),
    sparse_shapes=(sp.csr_array((2, 3)), sp.csr_array((3, 2))),
    sparse_dtypes=(sp.csr_array(np.eye(2)), sp.csr_array(np.eye(2, dtype="f4"))),
    sparse_values=(sp.csr_array(np.eye(2)), sp.csr_array(2 * np.eye(2))),
    stored_zeros=(sp.csr_array(([0.0], ([0], [0])), shape=(1, 1)), sp.csr_array((1, 1))),
    block_sizes=(sp.bsr_array(np.eye(4), blocksize=(2, 2)), sp.bsr_array(np.eye(4), blocksize=(1, 1))),
)


def image(mode: str = "RGB", fill: Any = 1) -> Any:
    return Image.new(mode, (4, 3), fill)


def with_palette(*numbers: int) -> Any:
    made = image("P", 0)
    made.putpalette([*numbers, *range(9)])
    return made


def as_file(value: Any, *, load: bool = False, more: list[Any] | None = None) -> Any:
    out = io.BytesIO()
    if more:
        value.save(out, "GIF", save_all=True, append_images=more)
    else:
        value.save(out, "PNG")
    made = Image.open(io.BytesIO(out.getvalue()))
    if load:
        made.load()
    return made


same(
    images=(image(), image()),
    lazy_images=(as_file(image()), as_file(image(), load=True)),
    lazy_palettes=(as_file(with_palette(1, 2, 3)), as_file(with_palette(1, 2, 3), load=True)),
    copied_images=(image("LA", (1, 2)), image("LA", (1, 2)).copy()),
)
differ(
    palettes=(with_palette(1, 2, 3), with_palette(3, 2, 1)),
    palettes_of_files=(as_file(with_palette(1, 2, 3)), as_file(with_palette(3, 2, 1))),
    modes=(image("L"), image("P")),
    pixels=(image("L", 1), image("L", 2)),
    later_frames=(
        as_file(image("L", 1), more=[image("L", 50)]),
        as_file(image("L", 1), more=[image("L", 200)]),
    ),
)


def digests() -> dict[str, list[str]]:
    made = {f"equal {name}": make for name, make in EQUAL.items()}
    made |= {f"different {name}": make for name, make in DIFFERENT.items()}
    return {name: [digest(value) for value in make()] for name, make in made.items()}


if __name__ == "__main__":
    json.dump(digests(), sys.stdout)
