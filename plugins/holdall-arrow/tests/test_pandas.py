"""Frames and series of pandas come back as they were, or are refused with their place."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from holdall.errors import SerializationError
from holdall.testing.serializers import payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_arrow import ArrowSerializer, ParquetSerializer

BOTH = (ParquetSerializer(), ArrowSerializer())


def back(value: Any, serializer: Any) -> Any:
    """Written and read."""
    parts = serializer.dump(value)
    data = b"".join(parts)
    return serializer.load(BytesSource(data, trust=Trust(max_bytes=serializer.decoded_size(parts))))


def attrs_of(frame: pd.DataFrame, **attrs: Any) -> pd.DataFrame:
    frame.attrs = attrs
    return frame


def indexed(index: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": range(len(index))}, index=index)


FRAMES: dict[str, pd.DataFrame] = {
    "numbers": pd.DataFrame({"i": [1, 2], "f": [1.5, np.nan], "b": [True, False], "u": np.array([1, 2], "u1")}),
    "small types": pd.DataFrame({"i": np.array([1, 2], "i2"), "f": np.array([1, 2], "f4")}),
    "strings": pd.DataFrame({"s": ["a", None], "é \U0001f392": ["x", "y"]}),
    "object strings": pd.DataFrame(
        {"o": pd.Series(["a", None], dtype=object), "n": pd.Series(["a", np.nan], dtype=object)}
    ),
    "python strings": pd.DataFrame({"s": pd.array(["a", None], dtype=pd.StringDtype("python"))}),
    "arrow strings": pd.DataFrame({"s": pd.array(["a", None], dtype=pd.StringDtype("pyarrow"))}),
    "categories": pd.DataFrame({"c": pd.Categorical(["b", "a", None], categories=["z", "b", "a"])}),
    "ordered categories": pd.DataFrame({"c": pd.Categorical([3, 1], categories=[3, 2, 1], ordered=True)}),
    "moments as categories": pd.DataFrame({"c": pd.Categorical(pd.to_datetime(["2024-01-01", "2023-01-01"]))}),
    "no categories": pd.DataFrame({"c": pd.Categorical([None, None])}),
    "zones": pd.DataFrame({"z": pd.to_datetime(["2024-07-01", None]).tz_localize("Europe/Berlin")}),
    "offsets": pd.DataFrame({"z": pd.to_datetime(["2024-07-01T00:00:00+02:00"])}),
    "utc": pd.DataFrame({"z": pd.to_datetime(["2024-07-01"], utc=True)}),
    "units": pd.DataFrame({unit: np.array([1, "NaT"], f"M8[{unit}]") for unit in ("s", "ms", "us", "ns")}),
    "durations": pd.DataFrame({unit: np.array([1, "NaT"], f"m8[{unit}]") for unit in ("ms", "us", "ns")}),
    "periods": pd.DataFrame({"p": pd.period_range("2024", periods=2, freq="M")}),
    "intervals": pd.DataFrame({"i": pd.interval_range(0, 2)}),
    "nullable": pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": pd.array([1.5, None], dtype="Float64"),
            "b": pd.array([True, None], dtype="boolean"),
        }
    ),
    "arrow types": pd.DataFrame({"a": pd.array([1, None], dtype=pd.ArrowDtype(pa.int32()))}),
    "decimals": pd.DataFrame({"d": [Decimal("1.10"), Decimal("2.25")]}),
    "bytes": pd.DataFrame({"b": [b"\0", None]}),
    "dates": pd.DataFrame({"d": [dt.date(2024, 2, 29), None]}),
    "booleans as objects": pd.DataFrame({"b": pd.Series([True, None], dtype=object)}),
    "integers as objects": pd.DataFrame({"b": pd.Series([1, None], dtype=object)}),
    "lists": pd.DataFrame({"l": [[1, 2], [], None]}),
    "structs": pd.DataFrame({"s": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]}),
    "nested": pd.DataFrame({"n": [[{"a": [1]}], [{"a": []}]]}),
    "arrays": pd.DataFrame({"a": [np.array([1, 2]), np.array([], int), None]}),
    "nothing": pd.DataFrame(),
    "no columns": pd.DataFrame(index=range(5)),
    "no columns but names": pd.DataFrame(index=pd.Index(["a", "b"], name="k")),
    "no rows": pd.DataFrame({"a": np.array([], "i4"), "s": pd.Series([], dtype=object), "c": pd.Categorical([])}),
    "range": indexed(pd.RangeIndex(10, 0, -5, name="r")),
    "strings as index": indexed(pd.Index(["x", "y"], name="k")),
    "objects as index": indexed(pd.Index(["x", None], dtype=object)),
    "floats as index": indexed(pd.Index([1.5, 2.5])),
    "twice the same label": indexed(pd.Index([1, 1])),
    "moments as index": indexed(pd.date_range("2024", periods=3, freq="D", tz="Europe/Berlin")),
    "seconds as index": indexed(pd.DatetimeIndex(np.array([1, 2], "M8[s]"))),
    "categories as index": indexed(pd.CategoricalIndex(["a", "b"], categories=["b", "c", "a"])),
    "periods as index": indexed(pd.period_range("2024", periods=2, freq="D")),
    "several levels": indexed(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])),
    "categories as level": indexed(
        pd.MultiIndex.from_arrays([pd.Categorical(["a"], ["b", "a"]), [1.5]], names=["x", "y"])
    ),
    "levels of columns": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")], names=["p", "q"])
    ),
    "numbers as columns": pd.DataFrame([[1, 2]], columns=[0, 7]),
    "named columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="kind")),
    "attrs": attrs_of(pd.DataFrame({"a": [1]}), source=("x", 1), at=dt.date(2024, 1, 1)),
}


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back(name: str, serializer: Any) -> None:
    """Values, types, labels, names, attrs."""
    frame = FRAMES[name]
    found = back(frame, serializer)

    pd.testing.assert_frame_equal(frame, found, check_freq=True, check_column_type=True, check_exact=True)
    assert frame.attrs == found.attrs
    assert type(frame.index) is type(found.index)
    for one, other in zip(frame.dtypes, found.dtypes, strict=True):
        if isinstance(one, pd.CategoricalDtype):
            assert one.categories.equals(other.categories)
            assert one.categories.dtype == other.categories.dtype
    for number in range(frame.shape[1]):
        mine, theirs = frame.iloc[:, number], found.iloc[:, number]
        if mine.dtype.kind == "O" and name != "arrays":
            assert [repr(each) for each in mine] == [repr(each) for each in theirs]


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name="n"),
        pd.Series(["a", "b"], index=["x", "y"]),
        attrs_of(pd.Series([1.5], name=("a", 1)), k=1),  # type: ignore[arg-type]
        pd.Series([], dtype="Int64"),
    ],
    ids=["named", "indexed", "attrs", "empty"],
)
def test_series_come_back(series: pd.Series, serializer: Any) -> None:
    """With name and attrs."""
    found = back(series, serializer)

    pd.testing.assert_series_equal(series, found)
    assert series.attrs == found.attrs


class Sub(pd.DataFrame):
    """Has no form of its own."""


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
@pytest.mark.parametrize(
    ("frame", "path", "said"),
    [
        (pd.DataFrame({"a": [1, "x"]}), 'result["a"]', "has no form in Arrow"),
        (pd.DataFrame({"a": [1], "o": [object()]}), 'result["o"]', "has no form in Arrow"),
        (pd.DataFrame({"a": pd.Series([None, np.nan, "x"], dtype=object)}), 'result["a"]', "holds None and nan"),
        (pd.DataFrame({"a": [(1, 2)]}), 'result["a"][0]', "is a tuple that would come back as another value"),
        (pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}), 'result["a"][0]', "is a dict that would come back"),
        (pd.DataFrame({"a": [[1], [True]]}), 'result["a"]', ""),
        (pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}), 'result["a"]', "is sparse"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "result.columns", "has 'a' more than once"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), "result.columns", "would come back as"),
        (pd.DataFrame({"c": [1j]}), 'result["c"]', "has no form in Arrow"),
        (Sub({"a": [1]}), "result", "is a Sub"),
        (attrs_of(pd.DataFrame({"a": [1]}), deep={"x": [object()]}), 'result.attrs["deep"]["x"][0]', "cannot stand"),
    ],
)
def test_what_would_not_come_back_is_refused(frame: Any, path: str, said: str, serializer: Any) -> None:
    """With its place and the reason; nothing is altered in silence."""
    with pytest.raises(SerializationError) as caught:
        payload(serializer, frame)

    assert caught.value.path is not None
    assert caught.value.path.startswith(path)
    assert said in str(caught.value)
    assert "pickle" in str(caught.value)


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
@settings(max_examples=40, deadline=None)
@given(
    frame=data_frames(
        [
            column("i", dtype=np.int64),
            column("f", dtype=np.float64),
            column("b", dtype=np.bool_),
            column("s", elements=st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        ],
        index=range_indexes(max_size=20),
    )
)
def test_any_values_come_back(frame: pd.DataFrame, serializer: Any) -> None:
    """Of the common types."""
    pd.testing.assert_frame_equal(frame, back(frame, serializer), check_exact=True)
