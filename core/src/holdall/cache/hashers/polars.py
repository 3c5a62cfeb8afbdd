"""Hashers of polars: names, dtypes and values, through Arrow, which costs no copy for most types."""

from __future__ import annotations

from typing import Any

from holdall.cache.hashers.parts import Step, Uncounted


def frame(value: Any) -> Any:
    columns = tuple((each.name, Step(f'["{each.name}"]', _series(each))) for each in value.get_columns())
    return value.height, columns


def series(value: Any) -> Any:
    return value.name, _series(value)


def _series(value: Any) -> Any:
    return dtype(value.dtype), len(value), _values(value)


def _values(value: Any) -> Any:
    import polars as pl

    if value.dtype == pl.Object:
        return value.to_list()
    if isinstance(value.dtype, (pl.Categorical, pl.Enum)):
        # By their texts: which number stands for which is a matter of the process, or of the dtype.
        value = value.cast(pl.String)
    try:
        from holdall.cache.hashers.pyarrow import column

        arrow = value.to_arrow(compat_level=pl.CompatLevel.oldest())
    except ImportError as error:
        raise Uncounted(
            type(value), "is counted through Arrow, which is not installed (pip install pyarrow)"
        ) from error
    return column(arrow.type, arrow.chunks if hasattr(arrow, "chunks") else [arrow])


def query(value: Any) -> Any:
    raise Uncounted(type(value), "is a query that has not run yet (pass what its collect() gives)")


def dtype(value: Any) -> Any:
    import polars as pl

    if isinstance(value, pl.Enum):
        return "Enum", value.categories.to_list()
    if isinstance(value, pl.Categorical):
        named = getattr(value, "categories", None)
        return "Categorical", getattr(value, "ordering", None), named.name() if named is not None else None
    if isinstance(value, pl.Struct):
        return "Struct", tuple((each.name, dtype(each.dtype)) for each in value.fields)
    if isinstance(value, pl.Array):
        return "Array", dtype(value.inner), value.size
    if isinstance(value, pl.List):
        return "List", dtype(value.inner)
    return repr(value)
