"""Conversion of polars frames and series to Arrow and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa

from holdall.errors import CorruptResultError
from holdall_arrow.errors import refused
from holdall_arrow.files import read_back

if TYPE_CHECKING:
    from holdall.types import Trust
    from holdall_arrow.formats import TableFormat

_VALUES: Final = "values"


def to_arrow(obj: Any, how: TableFormat, /) -> tuple[pa.Table, dict[str, Any]]:
    if isinstance(obj, pl.LazyFrame):
        raise refused(
            "result", "is a polars.LazyFrame, which holds no data yet: return result.collect()", how.slug, obj
        )
    if type(obj) is pl.DataFrame:
        frame, notes = obj, {}
    elif type(obj) is pl.Series:
        frame, notes = obj.to_frame(_VALUES), {"series": obj.name}
    else:
        raise refused(
            "result", f"is a {type(obj).__qualname__}, which polars would give back as its base", how.slug, obj
        )
    for name, dtype in frame.schema.items():
        if dtype.is_(pl.Object) or any(inner.is_(pl.Object) for inner in _inside(dtype)):
            raise refused(f'result["{name}"]', "holds Python objects, which have no form in Arrow", how.slug, obj)
    # A clone: two threads that convert one frame at the same time wait for each other for ever.
    try:
        table = frame.clone().to_arrow(compat_level=pl.CompatLevel.oldest())
        back: Any = pl.from_arrow(read_back(table.slice(0, 0), how))
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise refused("result", f"has no form in this format ({error})", how.slug, obj) from error
    for name, dtype in frame.schema.items():
        if back.schema[name] != dtype:
            raise refused(f'result["{name}"]', f"is {dtype} and would come back as {back.schema[name]}", how.slug, obj)
    return table, notes


def from_arrow(table: pa.Table, notes: dict[str, Any], trust: Trust, serializer: str, /) -> Any:
    del trust, serializer
    try:
        frame: Any = pl.from_arrow(table)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, TypeError) as error:
        raise CorruptResultError(f"The stored table is no frame of polars: {error}.") from error
    return frame[_VALUES].rename(notes["series"]) if "series" in notes else frame


def _inside(dtype: pl.DataType) -> list[pl.DataType]:
    inner: Any = getattr(dtype, "inner", None)
    below = [inner] if inner is not None else [field.dtype for field in getattr(dtype, "fields", ())]
    return [*below, *(deep for each in below for deep in _inside(each))]
