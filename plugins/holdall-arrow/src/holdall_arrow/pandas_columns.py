"""Notes for what Arrow does not store of a pandas column, and its restoration."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from holdall.errors import CorruptResultError, SerializationError
from holdall_arrow import batches
from holdall_arrow.errors import refused

if TYPE_CHECKING:
    from holdall_arrow.formats import TableFormat

_ABSENT: Final[dict[str, Any]] = {"None": None, "nan": np.nan, "NaT": pd.NaT, "NA": pd.NA}
_VALUES: Final = "values"
_WIDEST: Final = 16
"""Bytes of the largest number."""


def note(column: pd.Series, stored: pa.ChunkedArray, path: str, how: TableFormat, obj: Any) -> dict[str, Any]:
    """JSON: what makes a column that pandas reads from `stored` the one that it was; empty where nothing has to."""
    dtype: Any = column.dtype
    found: dict[str, Any] = {}
    if isinstance(dtype, pd.CategoricalDtype):
        found |= {"category": _packed(dtype.categories, path, how, obj), "ordered": dtype.ordered}
    elif isinstance(dtype, pd.StringDtype):
        found["string"] = [dtype.storage, "NA" if dtype.na_value is pd.NA else "nan"]
    elif dtype.kind == "O" and isinstance(dtype, np.dtype):
        found |= _object_note(column, stored, path, how, obj)
    elif isinstance(dtype, pd.DatetimeTZDtype) and isinstance(dtype.tz, timezone):
        found["offset"] = dtype.tz.utcoffset(None).total_seconds()
    elif dtype.kind == "M" and isinstance(dtype, np.dtype):
        found["unit"] = np.datetime_data(dtype)[0]
    return found


def restored(column: pd.Series, stored: pa.ChunkedArray, note: dict[str, Any], /) -> pd.Series | None:
    """The column as it was, or None where pandas has made it so already.

    Raises:
        CorruptResultError: the note is none that `note` made.
    """
    dtype: Any = column.dtype
    if {"string", "object"} & note.keys() and pa.types.is_dictionary(stored.type):
        raise CorruptResultError("A column of the stored table is of categories, and its notes know of none.")
    if "category" in note:
        wanted = pd.CategoricalDtype(_unpacked(note["category"]), ordered=note["ordered"])
        same = dtype == wanted and dtype.categories.equals(wanted.categories)
        return None if same else column.astype(wanted)
    if "string" in note:
        string = _string(*note["string"])
        return None if dtype == string else column.astype(string)
    if "object" in note:
        return pd.Series(_objects(stored, note), index=column.index, name=column.name, dtype=object)
    if "offset" in note:
        zone = timezone(timedelta(seconds=note["offset"]))
        return None if dtype.tz == zone else column.dt.tz_convert(zone)
    if "unit" in note:
        moment = np.dtype(f"M8[{note['unit']}]")
        return None if dtype == moment else column.astype(moment)
    return None


def _string(storage: Any, absent: str) -> Any:
    if absent == "NA":
        return pd.StringDtype(storage)
    try:
        return pd.StringDtype(storage, na_value=np.nan)
    except TypeError as error:
        raise SerializationError(
            f"The stored table has strings as pandas 3 keeps them, and this is pandas {pd.__version__}. Upgrade pandas, or read "
            "it where it was written."
        ) from error


def _object_note(column: pd.Series, stored: pa.ChunkedArray, path: str, how: TableFormat, obj: Any) -> dict[str, Any]:
    values = column.to_numpy()
    gone = (
        pd.isna(values)
        if not pa.types.is_nested(stored.type)
        else np.array([_is_absent(each) for each in values], bool)
    )
    kinds = {_name_of(each) for each in values[gone]}
    if len(kinds) > 1:
        raise refused(
            path, f"holds {' and '.join(sorted(kinds))} for what is absent, and Arrow has one of them", how.slug, obj
        )
    found: dict[str, Any] = {"object": next(iter(kinds), "None")}
    if pa.types.is_string(stored.type) or pa.types.is_large_string(stored.type):
        return found  # which pyarrow makes of nothing but str
    present = values[~gone]
    if len(present) and all(type(each) is np.ndarray and each.ndim == 1 for each in present):
        dtypes = {each.dtype.str for each in present}
        if len(dtypes) > 1 or present[0].dtype == object:
            raise refused(path, "holds arrays of several types, or of objects", how.slug, obj)
        found["array"] = dtypes.pop()
    back = _objects(stored, found)
    for number, (mine, theirs) in enumerate(zip(values, back, strict=True)):
        if not _same(mine, theirs):
            raise refused(
                f"{path}[{number}]", f"is a {type(mine).__name__} that would come back as another value", how.slug, obj
            )
    return found


def _objects(stored: pa.ChunkedArray, note: dict[str, Any]) -> np.ndarray[Any, Any]:
    absent = _absent(note["object"])
    values = stored.to_pylist()
    if "array" in note:
        dtype = _fitting(note["array"], values)
        values = [None if each is None else np.array(each, dtype) for each in values]
    made = np.empty(len(values), object)
    made[:] = [absent if each is None else each for each in values] if "array" not in note else None
    if "array" in note:
        for number, each in enumerate(values):
            made[number] = absent if each is None else each
    return made


def _fitting(text: Any, values: list[Any]) -> np.dtype[Any]:
    """The type of arrays; that of texts is as long as the longest of them, and no longer."""
    dtype = np.dtype(text) if isinstance(text, str) else None
    if dtype is None or dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise CorruptResultError("The notes of the stored table have arrays of no plain type.")
    if dtype.itemsize > _WIDEST:
        unit = {"U": 4, "S": 1}.get(dtype.kind, 0)
        texts = (text for each in values if each is not None for text in each if isinstance(text, str | bytes))
        if dtype.itemsize > unit * max(map(len, texts), default=1):
            raise CorruptResultError(
                "The notes of the stored table have arrays of texts longer than those that are stored."
            )
    return dtype


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is list:
        return len(one) == len(other) and all(map(_same, one, other))
    if type(one) is dict:
        return list(one) == list(other) and all(_same(value, other[key]) for key, value in one.items())
    if type(one) is np.ndarray:
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - what is not a number


def _is_absent(value: Any) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (type(value) is float and value != value)  # noqa: PLR0124


def _name_of(value: Any) -> str:
    return "None" if value is None else "NaT" if value is pd.NaT else "NA" if value is pd.NA else "nan"


def _absent(name: str) -> Any:
    if name not in _ABSENT:
        raise CorruptResultError(f"The notes of the stored table have an unknown absent value {name!r:.20}.")
    return _ABSENT[name]


def _packed(index: pd.Index, path: str, how: TableFormat, obj: Any) -> dict[str, Any]:
    """Categories, all of them: Parquet keeps those that occur."""
    column = pd.Series(index.array, dtype=index.dtype, name=_VALUES)
    try:
        table = pa.Table.from_pandas(column.to_frame(), preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise refused(path, f"has categories that have no form in Arrow ({error})", how.slug, obj) from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = b64encode(sink.getvalue()).decode("ascii")
    return {"data": data, **note(column, table.column(0), f"{path}.cat.categories", how, obj)}


def _unpacked(packed: dict[str, Any]) -> pd.Index:
    data = b64decode(packed["data"], validate=True)
    table = batches.table_of_notes(data)
    column = table.to_pandas()[_VALUES]
    made = restored(column, table.column(0), packed)
    index: pd.Index[Any] = pd.Index(
        (column if made is None else made).array, dtype=(column if made is None else made).dtype
    )
    return index
