"""Conversion of pandas frames and series to Arrow and back, with notes for what Arrow does not store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from holdall.errors import CorruptResultError, HoldallError, SerializationError
from holdall.serialization.typed.json import JSONReader, JSONWriter
from holdall_arrow import pandas_columns, pandas_dtypes
from holdall_arrow.errors import refused
from holdall_arrow.files import read_back

if TYPE_CHECKING:
    from holdall.types import Trust
    from holdall_arrow.formats import TableFormat

_VALUES: Final = "values"
_BROKEN: Final = (pa.ArrowException, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


def to_arrow(obj: Any, how: TableFormat, /) -> tuple[pa.Table, dict[str, Any]]:
    notes: dict[str, Any] = {}
    if type(obj) is pd.DataFrame:
        frame = obj
    elif type(obj) is pd.Series:
        frame = obj.to_frame(_VALUES)
        notes["series"] = _json(obj.name, "result.name", how, obj)
    else:
        raise refused(
            "result", f"is a {type(obj).__qualname__}, which pandas would give back as its base", how.slug, obj
        )
    if obj.attrs:
        notes["attrs"] = _json(obj.attrs, "result.attrs", how, obj)
        frame = frame.copy(deep=False)
        frame.attrs = {}  # which pyarrow would write in a form of its own
    _check_labels(frame, how, obj)
    try:
        table = pa.Table.from_pandas(frame)
    except _BROKEN as error:
        raise _no_form(frame, error, how, obj) from error
    if (found := pandas_dtypes.unknown(table)) is not None:
        reason = f"is {found[1]}, a type of no library that is known here, which reading would have to call"
        raise refused(f'result["{found[0]}"]', reason, how.slug, obj)
    notes["columns"] = [
        pandas_columns.note(frame.iloc[:, number], table.column(number), _path(frame, number), how, obj)
        | {"name": table.column_names[number]}
        for number in range(frame.shape[1])
    ]
    columns: Any = frame.columns
    if isinstance(columns, pd.RangeIndex):
        notes["labels"] = [columns.start, columns.stop, columns.step]
    notes["names"] = _json(list(frame.index.names), "result.index.names", how, obj)
    notes["index"] = _index_note(frame.index, table, how, obj)
    _check(frame, table, notes, how, obj)
    return table, notes


def from_arrow(table: pa.Table, notes: dict[str, Any], trust: Trust, serializer: str, /) -> Any:
    try:
        pandas_dtypes.check(table, trust)
        frame = _frame(table, notes, _back(notes["names"], trust, serializer))
        if "attrs" in notes:
            frame.attrs = _back(notes["attrs"], trust, serializer)
        if "series" not in notes:
            return frame
        series = frame[_VALUES].rename(_back(notes["series"], trust, serializer))
        series.attrs = frame.attrs
    except HoldallError:
        raise
    except _BROKEN as error:
        raise CorruptResultError(
            f"The stored table is none that pandas wrote: {type(error).__name__}: {error}."
        ) from error
    return series


def _frame(table: pa.Table, notes: dict[str, Any], names: list[Any]) -> pd.DataFrame:
    by_name = {note["name"]: note for note in notes["columns"]}
    frame: pd.DataFrame = table.to_pandas()
    stored = [name for name in table.column_names if name in by_name]
    for number, name in enumerate(stored):
        restored = pandas_columns.restored(frame.iloc[:, number], table.column(name), by_name[name])
        if restored is not None:
            frame.isetitem(number, restored)  # type: ignore[arg-type]  # takes what can be a column
    if "labels" in notes and len(notes["columns"]) == len(stored):
        start, stop, step = notes["labels"]
        frame.columns = pd.RangeIndex(start, stop, step, name=frame.columns.name)
    index = notes["index"]
    if "range" in index:
        start, stop, step = index["range"]
        rows = pd.RangeIndex(start, stop, step)
        if frame.shape[1] == 0:
            frame = pd.DataFrame(index=rows, columns=frame.columns)
        if len(rows) == len(frame):
            frame.index = rows
    levels = index.get("levels", [])
    if levels:
        frame.index = _index(frame.index, table, levels)
    frame.index.names = names
    if "freq" in index:
        moments: Any = frame.index
        moments.freq = pd.tseries.frequencies.to_offset(index["freq"])
    return frame


def _index(index: pd.Index, table: pa.Table, levels: list[dict[str, Any]]) -> pd.Index:
    arrays = []
    changed = False
    for number, note in enumerate(levels):
        values = _level(index, number)
        restored = pandas_columns.restored(values, table.column(note["name"]), note)
        changed = changed or restored is not None
        arrays.append(values if restored is None else restored)
    if not changed:
        return index
    if len(arrays) == 1:
        only: pd.Index[Any] = pd.Index(arrays[0].array, dtype=arrays[0].dtype, name=index.name)
        return only
    made: pd.Index[Any] = pd.MultiIndex.from_arrays([each.array for each in arrays], names=index.names)
    return made


def _level(index: pd.Index, number: int) -> pd.Series:
    """`Index.to_series` makes strings of objects."""
    values = index.get_level_values(number)
    return pd.Series(values.array, dtype=values.dtype)


def _index_note(index: pd.Index, table: pa.Table, how: TableFormat, obj: Any) -> dict[str, Any]:
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step]}
    found: dict[str, Any] = {}
    names = [name for name in (table.schema.pandas_metadata or {}).get("index_columns", []) if isinstance(name, str)]
    found["levels"] = [
        pandas_columns.note(_level(index, number), table.column(name), f"result.index[{number}]", how, obj)
        | {"name": name}
        for number, name in enumerate(names)
    ]
    if (freq := getattr(index, "freq", None)) is not None and not isinstance(index, pd.PeriodIndex):
        found["freq"] = freq.freqstr
    return found


def _check_labels(frame: pd.DataFrame, how: TableFormat, obj: Any) -> None:
    """What pyarrow would refuse in other words, or change with a warning."""
    columns = frame.columns
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise refused("result.columns", f"has {twice!r} more than once", how.slug, obj)
    if columns.inferred_type.startswith("mixed") and not isinstance(columns, pd.MultiIndex):
        raise refused("result.columns", f"is {columns!r}, of several types, and would come back as text", how.slug, obj)
    for number, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, pd.SparseDtype):
            raise refused(_path(frame, number), "is sparse, and would come back dense", how.slug, obj)


def _check(frame: pd.DataFrame, table: pa.Table, notes: dict[str, Any], how: TableFormat, obj: Any) -> None:
    """Read the empty beginning back: types, names and labels are to be the same; values are what Arrow keeps."""
    none = frame.iloc[:0]
    index = {key: value for key, value in notes["index"].items() if key not in {"range", "freq"}}
    try:
        found = _frame(read_back(table.slice(0, 0), how), notes | {"index": index}, list(frame.index.names))
    except (*_BROKEN, CorruptResultError) as error:
        raise refused("result", f"has no form in this format ({error})", how.slug, obj) from error
    for number, (mine, theirs) in enumerate(zip(none.dtypes, found.dtypes, strict=True)):
        if mine != theirs:
            raise refused(_path(frame, number), f"is {mine} and would come back as {theirs}", how.slug, obj)
    same_labels = type(none.columns) is type(found.columns) and none.columns.equals(found.columns)
    if not same_labels or none.columns.dtype != found.columns.dtype or none.columns.names != found.columns.names:
        raise refused("result.columns", f"is {none.columns!r} and would come back as {found.columns!r}", how.slug, obj)
    if "range" not in notes["index"] and _dtypes(none.index) != _dtypes(found.index):
        raise refused("result.index", f"is {none.index!r} and would come back as {found.index!r}", how.slug, obj)


def _dtypes(index: pd.Index) -> list[Any]:
    return list(index.dtypes) if isinstance(index, pd.MultiIndex) else [index.dtype]


def _no_form(frame: pd.DataFrame, error: Exception, how: TableFormat, obj: Any) -> SerializationError:
    """Pyarrow names the column in words, if at all: the first that it refuses alone is the one."""
    for number in range(frame.shape[1]):
        try:
            pa.Array.from_pandas(frame.iloc[:, number])
        except _BROKEN as own:
            return refused(_path(frame, number), f"has no form in Arrow ({own})", how.slug, obj)
    return refused("result", f"has no form in Arrow ({error})", how.slug, obj)


def _path(frame: pd.DataFrame, number: int) -> str:
    label: Any = frame.columns[number]
    return f'result["{label}"]' if isinstance(label, str) else f"result[{label!r}]"


def _json(value: Any, path: str, how: TableFormat, obj: Any) -> Any:
    try:
        return JSONWriter(how.slug).write(value)
    except SerializationError as error:
        inside = (error.path or "result").removeprefix("result")
        raise refused(f"{path}{inside}", "cannot stand in the file's metadata", how.slug, obj) from error


def _back(tree: Any, trust: Trust, serializer: str) -> Any:
    return JSONReader(serializer, trust).read(tree)
