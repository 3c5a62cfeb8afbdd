"""What the writer declares is what the reader counts: for each type, at any size, in any number of pieces."""

from __future__ import annotations

import datetime as dt
import io
import json
from base64 import b64encode
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from holdall.errors import CorruptResultError
from holdall.testing.sources import BytesSource
from holdall.types import Trust
from holdall_arrow import ArrowSerializer, ParquetSerializer, sizes

ROWS: Final = 4_000
SERIALIZERS: Final[dict[str, Any]] = {
    "parquet": ParquetSerializer(),
    "groups": ParquetSerializer(row_group_size=700, compression="zstd"),
    "arrow": ArrowSerializer(),
    "feather": ArrowSerializer(format="feather", compression="zstd"),
}


def lists(kind: pa.DataType, lengths: list[int], values: pa.Array) -> pa.Array:
    ends = np.cumsum([0, *lengths])
    whole = pa.concat_arrays([values] * (int(ends[-1]) // len(values) + 1)).slice(0, int(ends[-1]))
    wide = pa.types.is_large_list(kind)
    made = pa.LargeListArray if wide else pa.ListArray
    return made.from_arrays(pa.array(ends, pa.int64() if wide else pa.int32()), whole)


NUMBERS = pa.array(range(100))
WORDS = pa.array(["", "a", None, "longer than the others " * 20])
MIXED: Final = [0, 3, 0, 1] * (ROWS // 4)
COLUMNS: Final[dict[str, pa.Array]] = {
    "null": pa.nulls(ROWS),
    "booleans": pa.array([True, None] * (ROWS // 2)),
    "bytes": pa.array([1] * ROWS, pa.int8()),
    "constants": pa.array([1.5] * ROWS),
    "absent": pa.nulls(ROWS, pa.int64()),
    "numbers": pa.array(range(ROWS)),
    "halves": pa.array(np.arange(ROWS, dtype=np.float16)),
    "decimals": pa.array([Decimal("1.10")] * ROWS, pa.decimal128(10, 2)),
    "wide decimals": pa.array([Decimal("1.10")] * ROWS, pa.decimal256(50, 2)),
    "dates": pa.array([dt.date(2024, 1, 1)] * ROWS),
    "moments": pa.array([0] * ROWS, pa.timestamp("s")),
    "zones": pa.array([0] * ROWS, pa.timestamp("us", "Europe/Berlin")),
    "times": pa.array([0] * ROWS, pa.time32("ms")),
    "one text": pa.array(["the same text, over and over"] * ROWS),
    "one of two": pa.array(["x", "y" * 1000] * (ROWS // 2)),
    "one long one": pa.array(["y" * 100_000, *(["x"] * (ROWS - 1))]),
    "texts": pa.array([f"{number:x<50}" for number in range(ROWS)]),
    "large texts": pa.array([f"{number}" for number in range(ROWS)], pa.large_string()),
    "binary": pa.array([b"\\0" * (number % 90) for number in range(ROWS)]),
    "no texts": pa.array([""] * ROWS),
    "fixed": pa.array([b"0123456789"] * ROWS, pa.binary(10)),
    "categories": pa.array(["b", "a"] * (ROWS // 2)).dictionary_encode(),
    "many categories": pa.array([f"{number:x<50}" for number in range(ROWS)]).dictionary_encode(),
    "few of many": pa.DictionaryArray.from_arrays(
        pa.array([0] * ROWS, pa.int8()), pa.array([f"{number:x<500}" for number in range(100)])
    ),
    "numbered": pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int8()), pa.array([7])),
    "lists": lists(pa.list_(pa.int64()), MIXED, NUMBERS),
    "empty lists": lists(pa.list_(pa.int64()), [0] * ROWS, NUMBERS),
    "large lists": lists(pa.large_list(pa.int64()), MIXED, NUMBERS),
    "lists of texts": lists(pa.list_(pa.string()), MIXED, WORDS),
    "lists of lists": lists(pa.list_(pa.list_(pa.int64())), MIXED, lists(pa.list_(pa.int64()), [0, 2, 0, 5], NUMBERS)),
    "lists of categories": lists(pa.list_(pa.string()), MIXED, pa.array(["xyz" * 30] * 4).dictionary_encode()),
    "absent lists": pa.array([None, [1]] * (ROWS // 2)),
    "pairs": pa.array([[1, 2]] * ROWS, pa.list_(pa.int16(), 2)),
    "structs": pa.array([{"a": 1, "b": "xy" * 40}, None] * (ROWS // 2)),
    "maps": pa.array([[("k" * 60, 1)], []] * (ROWS // 2), pa.map_(pa.string(), pa.int64())),
}
if int(pa.__version__.partition(".")[0]) > 20:  # which cannot write them as Parquet, and so refuses them
    COLUMNS["views"] = pa.array([f"{number:x<50}" for number in range(ROWS)], pa.string_view())


def read(value: Any, serializer: Any, columns: list[str] | None = None) -> Any:
    parts = serializer.dump(value)
    source = BytesSource(b"".join(parts), trust=Trust(max_bytes=serializer.decoded_size(parts)))
    return serializer.load(source) if columns is None else serializer.load_columns(source, columns)


@pytest.fixture(autouse=True)
def _to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Almost without what small tables are given on top, and without what may be read ahead."""
    monkeypatch.setattr(sizes, "_SLACK", 1024)
    monkeypatch.setattr("holdall_arrow.bounded_reader._AHEAD", 0)


@pytest.mark.parametrize(
    ("name", "serializer"),
    # pyarrow makes no dictionary of what is read back as numbers: such a table is refused when it is written.
    # Nor does it read lists of categories from more than one row group.
    [
        (name, each)
        for name in COLUMNS
        for each in SERIALIZERS
        if (name, each) not in {("numbered", "parquet"), ("numbered", "groups"), ("lists of categories", "groups")}
    ],
)
def test_tables_are_read_within_what_they_declare(name: str, serializer: str) -> None:
    """Whole, cut out of a larger one, in pieces, and as some columns of it."""
    column = COLUMNS[name]
    table = pa.table({"n": column, "m": column})
    pieces = pa.concat_tables([table.slice(0, 1500), table.slice(1700)])
    for each in (table, table.slice(1001, 1503), pieces, table.slice(0, 1), table.slice(0, 0)):
        found = read(each, SERIALIZERS[serializer])

        assert each.schema.equals(found.schema)
        assert each.to_pydict() == found.to_pydict()
        assert each.select(["m"]).to_pydict() == read(each, SERIALIZERS[serializer], ["m"]).to_pydict()


FRAMES: Final[dict[str, Any]] = {
    "pandas": pd.DataFrame(
        {
            "text": ["x", None] * (ROWS // 2),
            "long": ["x" * 500] * ROWS,
            "object": pd.Series([None, "a"] * (ROWS // 2), dtype=object),
            "category": pd.Categorical(["long name", "b"] * (ROWS // 2), categories=["b", "long name", "none"]),
            "number": pd.Categorical([1, 2] * (ROWS // 2)),
            "whole": pd.array([1, None] * (ROWS // 2), dtype="Int8"),
            "flag": [True, False] * (ROWS // 2),
            "moment": pd.date_range("2024", periods=ROWS, freq="s", tz="UTC"),
            "list": [[1, 2], []] * (ROWS // 2),
            "array": [np.arange(3), np.arange(0)] * (ROWS // 2),
        },
        index=pd.MultiIndex.from_product([["a", "b"], range(ROWS // 2)]),
    ),
    "only nothing": pd.DataFrame({"n": [None] * ROWS}),
    "no columns": pd.DataFrame(index=range(ROWS)),
    "polars": pl.DataFrame(
        {
            "text": ["x", None] * (ROWS // 2),
            "enum": pl.Series(["a", "b"] * (ROWS // 2), dtype=pl.Enum(["b", "a"])),
            "category": pl.Series(["a", "b"] * (ROWS // 2), dtype=pl.Categorical),
            "null": [None] * ROWS,
            "flag": [True, None] * (ROWS // 2),
            "list": [["a"], []] * (ROWS // 2),
            "decimal": pl.Series([Decimal("1.1")] * ROWS, dtype=pl.Decimal(38, 1)),
        }
    ),
}


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_read_within_what_they_declare(name: str, serializer: str) -> None:
    """With what pandas and polars make beside the table."""
    frame = FRAMES[name]
    found = read(frame, SERIALIZERS[serializer])
    if name == "polars":
        assert frame.equals(found, null_equal=True)
    else:
        pd.testing.assert_frame_equal(frame, found)


@pytest.mark.parametrize(
    ("name", "serializer"),
    [
        (name, each)
        for name in COLUMNS
        for each in ("parquet", "groups", "feather")
        if name not in {"null", "numbered"} and (name, each) != ("lists of categories", "groups")
    ],
)
def test_a_quarter_is_too_little(name: str, serializer: str) -> None:
    """The bound is near what is made: nothing is read within a small part of it."""
    table = pa.table({"n": COLUMNS[name]})
    parts = SERIALIZERS[serializer].dump(table)
    data = b"".join(parts)
    with pytest.raises(CorruptResultError, match="is the bound here"):
        SERIALIZERS[serializer].load(BytesSource(data, trust=Trust(max_bytes=table.nbytes // 4)))


def test_tables_in_place_declare_nothing() -> None:
    """An Arrow file that is not compressed is read where it lies."""
    parts = ArrowSerializer().dump(pa.table({"n": COLUMNS["numbers"]}))

    assert 0 == ArrowSerializer().decoded_size(parts)
    assert 0 < (ArrowSerializer().decoded_size(ArrowSerializer().dump(FRAMES["pandas"])) or 0)


def noted(notes: dict[str, Any], table: pa.Table) -> BytesSource:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema.with_metadata({b"holdall": json.dumps(notes)})) as writer:
        writer.write_table(table.replace_schema_metadata({b"holdall": json.dumps(notes)}))
    return BytesSource(sink.getvalue(), trust=Trust(max_bytes=64 << 20))


def pandas_notes(**column: Any) -> dict[str, Any]:
    return {"library": "pandas", "columns": [{"name": "n", **column}], "names": [None], "index": {"range": [0, 2, 1]}}


CATEGORIES: Final = pa.table({"n": pa.array(["x" * 1000, "y"]).dictionary_encode()})


@pytest.mark.parametrize(
    ("notes", "table", "said"),
    [
        (pandas_notes(string=["pyarrow", "nan"]), CATEGORIES, "is of categories"),
        (pandas_notes(object="None"), CATEGORIES, "is of categories"),
        (pandas_notes(object="None", array="<U100000000"), pa.table({"n": [["a"], ["b"]]}), "longer than those"),
        (pandas_notes(object="None", array="V1000000000"), pa.table({"n": [[1], [2]]}), "longer than those"),
        (pandas_notes(object="None", array="i8,i8"), pa.table({"n": [[1], [2]]}), "no plain type"),
        (pandas_notes(object="None", array="(1000000,)i8"), pa.table({"n": [[1], [2]]}), "no plain type"),
        (pandas_notes(object="None", array=["f8"]), pa.table({"n": [[1], [2]]}), "no plain type"),
        (
            {"library": "pyarrow", "schema": b64encode(pa.schema([("n", pa.string())]).serialize()).decode()},
            CATEGORIES,
            "as string, and it is dictionary",
        ),
        (
            {
                "library": "pyarrow",
                "schema": b64encode(pa.schema([("n", pa.list_(pa.int8(), 1 << 28))]).serialize()).decode(),
            },
            pa.table({"n": pa.nulls(2)}),
            "is the bound here",
        ),
    ],
)
def test_notes_make_no_more_of_a_table_than_it_is(notes: dict[str, Any], table: pa.Table, said: str) -> None:
    """They say how it becomes what it was, and are as hostile as the rest."""
    with pytest.raises(CorruptResultError, match=said):
        ArrowSerializer().load(noted(notes, table))


@pytest.mark.parametrize(
    ("table", "compression", "said"),
    [
        (pa.table({"values": [0] * 100_000}), "zstd", "compressed values"),
        (pa.table({"values": pa.nulls(100_000)}), None, "more values than they can hold"),
    ],
)
def test_categories_in_notes_are_no_bomb(table: pa.Table, compression: str | None, said: str) -> None:
    """They lie in the notes as a stream of their own."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    notes = pandas_notes(category={"data": b64encode(sink.getvalue()).decode()}, ordered=False)
    with pytest.raises(CorruptResultError, match=said):
        ArrowSerializer().load(noted(notes, CATEGORIES))


def test_damaged_pages_and_batches_fail_cleanly() -> None:
    """Whatever byte is wrong, under a bound: a table, or the one error."""
    table = pa.table({"n": [1, 2], "s": ["x", None], "l": [[1], []], "d": pa.array(["a", "b"]).dictionary_encode()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", store_schema=False, data_page_version="2.0")
    written = {
        "v2": (ParquetSerializer(), sink.getvalue()),
        **{name: (each, b"".join(each.dump(table))) for name, each in SERIALIZERS.items()},
    }
    for serializer, data in written.values():
        assert serializer.load(BytesSource(data, trust=Trust(max_bytes=1 << 20))).num_rows == 2
        for place in range(0, len(data), 7):
            for mask in (0x01, 0xFF):
                bad = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
                with suppress(CorruptResultError):
                    serializer.load(BytesSource(bad, trust=Trust(max_bytes=1 << 20)))
