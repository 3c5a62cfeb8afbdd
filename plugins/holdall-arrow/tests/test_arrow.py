"""ParquetSerializer and ArrowSerializer: the contract, other libraries' tables, columns, and other tools."""

from __future__ import annotations

import asyncio
import io
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdall import load_result, task
from holdall.builtin.auto import AutoSerializer
from holdall.errors import ConfigurationError, CorruptResultError, SerializationError
from holdall.results import from_json
from holdall.serializers import CompressedSerializer
from holdall.testing.serializers import SerializerContract, payload
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_arrow import ArrowSerializer, ParquetSerializer

if TYPE_CHECKING:
    from holdall.types import Buffer

VECTORS = Path(__file__).parent / "vectors"
BOTH = (ParquetSerializer(), ArrowSerializer())


def back(value: Any, serializer: Any) -> Any:
    """Written, and read within what the record would declare."""
    parts = serializer.dump(value)
    data = b"".join(parts)
    return serializer.load(BytesSource(data, trust=Trust(max_bytes=serializer.decoded_size(parts))))


class TestParquet(SerializerContract):
    """With tables of all three libraries."""

    @pytest.fixture
    def serializer(self) -> Any:
        return ParquetSerializer()

    @pytest.fixture
    def values(self) -> list[Any]:
        return [pa.table({"a": [1, 2]}), pd.DataFrame({"a": ["x"]}), pl.DataFrame({"a": [1.5]})]

    @pytest.fixture
    def refused(self) -> tuple[Any, str]:
        return pd.DataFrame({"a": [1], "b": [object()]}), 'result["b"]'

    def same(self, one: Any, other: Any, /) -> bool:
        return type(one) is type(other) and bool(one.equals(other))


class TestArrow(TestParquet):
    """The same of the other format."""

    @pytest.fixture
    def serializer(self) -> Any:
        return ArrowSerializer()


class TestFeather(TestParquet):
    """The same, compressed."""

    @pytest.fixture
    def serializer(self) -> Any:
        return ArrowSerializer(format="feather", compression="lz4")


POLARS: dict[str, pl.DataFrame] = {
    "plain": pl.DataFrame({"i": [1, None], "f": [1.5, float("nan")], "s": ["a", None], "b": [True, False]}),
    "enum": pl.DataFrame({"e": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a", "c"]))}),
    "categories": pl.DataFrame({"c": pl.Series(["x", "y", "x"], dtype=pl.Categorical)}),
    "zone": pl.DataFrame({"z": pl.Series([0], dtype=pl.Datetime("us", "Europe/Berlin"))}),
    "moments": pl.DataFrame({unit: pl.Series([1], dtype=pl.Datetime(unit)) for unit in ("ms", "us", "ns")}),
    "durations": pl.DataFrame({"d": pl.Series([1, 2], dtype=pl.Duration("ms"))}),
    "nested": pl.DataFrame({"l": [[1], []], "s": [{"a": 1}, {"a": None}]}),
    "array": pl.DataFrame({"a": pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))}),
    "decimal": pl.DataFrame({"d": pl.Series([Decimal("1.10")], dtype=pl.Decimal(10, 2))}),
    "null": pl.DataFrame({"n": [None, None]}),
    "binary": pl.DataFrame({"b": [b"\0"]}),
    "nothing": pl.DataFrame(),
    "no rows": pl.DataFrame({"a": pl.Series([], dtype=pl.Int8)}),
}


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
@pytest.mark.parametrize("name", POLARS)
def test_polars_frames_come_back(name: str, serializer: Any) -> None:
    """Values and types."""
    found = back(POLARS[name], serializer)

    assert POLARS[name].schema == found.schema
    assert POLARS[name].equals(found, null_equal=True)


def test_polars_series_come_back() -> None:
    """With their name."""
    series = pl.Series("n", [1, None, 3])
    found = back(series, ParquetSerializer())

    assert series.equals(found, check_names=True, check_dtypes=True)


@pytest.mark.parametrize(
    ("value", "path", "said"),
    [
        (pl.DataFrame({"o": [object()]}), 'result["o"]', "Python objects"),
        (pl.LazyFrame({"a": [1]}), "result", r"return result\.collect\(\)"),
        ([1], "result", "no table of pandas, polars or pyarrow"),
    ],
)
def test_what_is_no_table_is_refused(value: Any, path: str, said: str) -> None:
    """With what to do."""
    with pytest.raises(SerializationError, match=said) as caught:
        ParquetSerializer().dump(value)

    assert path == caught.value.path


def test_a_frame_is_converted_by_several_threads_at_once() -> None:
    """polars locks up where they share it."""
    frame = pl.DataFrame({"a": list(range(1000)), "c": pl.Series(["x"] * 1000, dtype=pl.Categorical)})
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda _: payload(ParquetSerializer(), frame), range(16)))

    assert 1 == len(set(written))


def test_tables_of_pyarrow_keep_their_metadata() -> None:
    """Of the schema and of fields."""
    field = pa.field("a", pa.int32(), metadata={"unit": "m"})
    table = pa.table([pa.array([1], pa.int32())], schema=pa.schema([field], metadata={"k": "v"}))
    for serializer in BOTH:
        assert table.schema.equals(back(table, serializer).schema, check_metadata=serializer.slug == "arrow")
        assert {b"k": b"v"} == back(table, serializer).schema.metadata


class Counting(BytesSource):
    """Counts the bytes that are read."""

    read = 0

    def read_range(self, start: int, stop: int, /) -> Buffer:
        self.read += stop - start
        return super().read_range(start, stop)

    def open(self) -> Any:
        source = self

        class Reader(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                source.read += len(data)
                return data

        return Reader(bytes(self.buffer()))


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
def test_columns_read_what_they_need(serializer: Any) -> None:
    """In the order that was asked for, with the index of pandas."""
    noise = np.random.default_rng(1).random(200_000)
    frame = pd.DataFrame({"a": [1] * 200_000, "b": noise, "c": noise}, index=pd.Index(range(0, 400_000, 2), name="k"))
    source = Counting(payload(serializer, frame))
    found = serializer.load_columns(source, ["a"])

    pd.testing.assert_frame_equal(frame[["a"]], found)
    assert source.size > source.read * (1.5 if serializer.slug == "parquet" else 1)
    assert ["b", "a"] == list(serializer.load_columns(BytesSource(payload(serializer, frame)), ["b", "a"]).columns)


@pytest.mark.parametrize("serializer", BOTH, ids=lambda serializer: serializer.slug)
def test_unknown_columns_are_named(serializer: Any) -> None:
    """Beside those that there are."""
    data = payload(serializer, pd.DataFrame({"a": [1], "b": [2]}, index=["k"]))
    with pytest.raises(ConfigurationError, match=r"has no column 'z'\. It has 'a', 'b'\."):
        serializer.load_columns(BytesSource(data), ["z"])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("serializer", ["parquet", "arrow", "zstd/parquet", "compressed/arrow"])
def test_references_give_columns(place: Path, serializer: str) -> None:
    """And keep the whole in memory alone."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    state = task(persist_result=True, result_serializer=serializer, return_state=True)(lambda: frame)()
    reference = from_json(state.reference.json())

    assert ["b"] == list(reference.get(columns=["b"]).columns)
    assert ["a", "b"] == list(reference.get().columns)
    assert ["a"] == list(reference.get(columns=["a"]).columns)
    assert ["a"] == list(asyncio.run(reference.aget(columns=["a"])).columns)
    assert ["b"] == list(load_result(run=state.run_id, columns=["b"]).columns)


def test_other_serializers_have_no_columns(place: Path) -> None:
    """And say what has."""
    reference = task(persist_result=True, return_state=True)(lambda: {"a": [1]})().reference
    with pytest.raises(ConfigurationError, match=r"The pickle serializer has no columns.*holdall-arrow"):
        reference.get(columns=["a"])


@pytest.mark.parametrize(
    "value", [pd.DataFrame({"a": [1]}), pd.Series([1]), pl.DataFrame({"a": [1]}), pa.table({"a": [1]})]
)
def test_auto_keeps_tables_as_parquet(value: Any) -> None:
    """What else a frame may hold goes to pickle."""
    assert "parquet" == AutoSerializer().dump_as(value)[0].slug
    assert "bundle" == AutoSerializer().dump_as({"table": value})[0].slug
    assert "pickle" == AutoSerializer().dump_as(pd.DataFrame({"a": [object()]}))[0].slug


def test_duckdb_reads_it(place: Path) -> None:
    """Without holdall: the file is Parquet and nothing else."""
    frame = pd.DataFrame(
        {"city": pd.Categorical(["Rome", "Oslo"]), "n": [1, 2], "at": pd.to_datetime(["2024", "2025"])}
    )
    task(result_storage_key="cities", result_serializer="parquet")(lambda: frame)()
    rows = duckdb.sql("select city, n from '.holdall-results/cities.parquet' where n > 1").fetchall()

    assert [("Oslo", 2)] == rows


def test_the_feather_file_is_one(place: Path) -> None:
    """By the reader of pandas."""
    serializer = ArrowSerializer(format="feather", compression="zstd")
    task(result_storage_key="t", result_serializer=serializer)(lambda: pd.DataFrame({"a": [1, 2]}))()

    assert [1, 2] == pd.read_feather(".holdall-results/t.feather")["a"].tolist()


def test_memory_holds_a_row_group() -> None:
    """Of what is written: the file is never whole in memory."""
    table = pa.table({"a": np.random.default_rng(1).random(4_000_000)})
    serializer = ParquetSerializer(row_group_size=250_000, compression="none")
    tracemalloc.start()
    most = max(len(part) for part in serializer.dump(table))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 4 << 20 > most
    assert 16 << 20 > peak


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    data = payload(ParquetSerializer(), pl.DataFrame({"a": [1]}))
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.delitem(sys.modules, "holdall_arrow.polars_frames", raising=False)
    with pytest.raises(
        SerializationError, match="is one of polars, which is not installed here. Install it: pip install polars"
    ):
        ParquetSerializer().load(BytesSource(data))


@pytest.mark.parametrize(
    "notes", [b"{", b"[]", b'{"library":"dask"}', b'{"library":"pandas"}', b'{"library":"pandas","columns":3}']
)
def test_notes_that_no_writer_made_are_corrupt(notes: bytes) -> None:
    """Whatever stands in the file's metadata."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({b"holdall": notes}), sink)
    with pytest.raises(CorruptResultError):
        ParquetSerializer().load(BytesSource(sink.getvalue()))


def test_files_of_others_are_tables_of_pyarrow() -> None:
    """Nothing says what else they might be."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)

    assert pa.table({"a": [1]}).equals(ParquetSerializer().load(BytesSource(sink.getvalue())))


def test_compression_shrinks() -> None:
    """Of each kind, and read without being told."""
    table = pa.table({"a": ["the same words"] * 10_000})
    plain = len(payload(ArrowSerializer(), table))
    for serializer in (
        ArrowSerializer(compression="lz4"),
        ArrowSerializer(compression="zstd"),
        CompressedSerializer(serializer=ArrowSerializer()),
        ParquetSerializer(compression="zstd"),
    ):
        data = payload(serializer, table)

        assert plain > 2 * len(data)
        assert table.equals(serializer.load(BytesSource(data, trust=Trust())))


@pytest.mark.parametrize("path", sorted(VECTORS.rglob("*.*")), ids=lambda path: path.name)
def test_vectors_are_read(path: Path) -> None:
    """What an earlier version wrote."""
    serializer = ParquetSerializer() if path.suffix == ".parquet" else ArrowSerializer()
    found = serializer.load(BytesSource(path.read_bytes()))
    if path.stem == "pandas":
        frame = pd.DataFrame(
            {"c": pd.Categorical([2, 1], [3, 2, 1]), "o": pd.Series(["x", None], dtype=object)},
            index=pd.Index([1.5, 2.5], name="i"),
        )
        frame.attrs = {"t": (1, 2)}
        pd.testing.assert_frame_equal(frame, found)
        assert frame.attrs == found.attrs
    elif path.stem == "polars":
        assert pl.DataFrame({"a": [1, 2], "s": ["x", None]}).equals(found)
    else:
        assert pa.table({"a": [1, 2], "s": ["x", None]}).equals(found)
