"""Hashers of pandas: columns in order, index, dtypes, names, frequency, `attrs`, flags; not block layout or caches."""

from __future__ import annotations

from typing import Any

from holdall.cache.hashers import numpy
from holdall.cache.hashers.parts import Step


def frame(value: Any) -> Any:
    columns = tuple(
        Step(_step(label), values(value.iloc[:, number].array)) for number, label in enumerate(value.columns.tolist())
    )
    return Step(".columns", index(value.columns)), Step(".index", index(value.index)), columns, _more(value)


def series(value: Any) -> Any:
    return Step(".name", value.name), Step(".index", index(value.index)), Step("", values(value.array)), _more(value)


def _step(label: Any) -> str:
    return f'["{label}"]' if type(label) is str else f"[{label!r}]" if type(label) is int else "[…]"


def _more(value: Any) -> Any:
    return Step(".attrs", dict(value.attrs)), value.flags.allows_duplicate_labels


def index(value: Any) -> Any:
    """Hashes kind, names, labels and frequency of an index. How a MultiIndex splits its labels into levels does not count."""
    import pandas as pd

    kind = next(each.__name__ for each in type(value).__mro__ if each.__module__.startswith("pandas"))
    names = Step(".names", list(value.names))
    if isinstance(value, pd.MultiIndex):
        levels = tuple(
            Step(f".levels[{number}]", values(value.get_level_values(number).array)) for number in range(value.nlevels)
        )
        return kind, names, len(value), levels
    if isinstance(value, pd.RangeIndex):
        return kind, names, value.start, value.stop, value.step
    frequency = getattr(value, "freq", None) if isinstance(value, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None
    return kind, names, values(value.array), Step(".freq", frequency)


def column(value: Any) -> Any:
    """Hashes an array outside a frame, with its frequency if it has one."""
    return type(value).__name__, _values(value), Step(".freq", getattr(value, "_freq", None))


def values(value: Any) -> Any:
    """Returns the content of an array in a frame or an index; of another library's array, attributes included."""
    return _values(value) if type(value).__module__.startswith("pandas") else Step("", value)


def _values(value: Any) -> Any:  # noqa: PLR0911 - one line a kind of array
    """Returns the content of an array by its dtype."""
    import pandas as pd

    arrays = pd.arrays
    kind = dtype(value.dtype)
    own: Any = value  # what its stubs do not tell
    if isinstance(value, arrays.NumpyExtensionArray):
        return kind, value.shape, numpy.items(value.to_numpy())
    if isinstance(value, pd.Categorical):
        return kind, numpy.array(value.codes)
    if isinstance(value, (arrays.DatetimeArray, arrays.TimedeltaArray, arrays.PeriodArray)):
        return kind, value.shape, numpy.items(value.view("i8"))
    if isinstance(value, (arrays.IntegerArray, arrays.FloatingArray, arrays.BooleanArray)):
        # What lies below a missing value is whatever was there before.
        missing = value.isna() if not isinstance(value, arrays.FloatingArray) else own._mask  # noqa: SLF001 - not-a-number is none of them
        return kind, numpy.array(missing), numpy.items(own._data[~missing])  # noqa: SLF001 - as it lies, where there is no other way
    if isinstance(value, arrays.IntervalArray):
        return kind, Step(".left", values(own.left.array)), Step(".right", values(own.right.array))
    if isinstance(value.dtype, pd.SparseDtype):
        # Blocks or single places: two ways to say which are stored.
        return kind, len(value), numpy.array(own.sp_index.to_int_index().indices), numpy.array(own.sp_values)
    if isinstance(value.dtype, pd.StringDtype):
        return kind, _texts(value)
    if isinstance(value, arrays.ArrowExtensionArray):
        return kind, _arrow(value)
    return kind, [value[number] for number in range(len(value))]


def _texts(value: Any) -> Any:
    """Returns texts from Arrow's memory if they are there, otherwise as objects."""
    if value.dtype.storage == "pyarrow":
        import pyarrow as pa

        return _arrow(value, pa.large_string())
    return value.astype(object).tolist()


def _arrow(value: Any, kind: Any = None) -> Any:
    import pyarrow as pa

    from holdall.cache.hashers.pyarrow import column as arrow_column

    found = value.__arrow_array__()
    chunks = found.chunks if isinstance(found, pa.ChunkedArray) else [found]
    return arrow_column(kind or found.type, [chunk.cast(kind) if kind is not None else chunk for chunk in chunks])


def dtype(value: Any) -> Any:  # noqa: PLR0911 - one line a kind of dtype
    import numpy as np
    import pandas as pd

    if isinstance(value, np.dtype):
        return numpy.dtype(value)
    name = type(value).__name__
    own: Any = value  # as in values
    if isinstance(value, pd.CategoricalDtype):
        return name, value.ordered, None if own.categories is None else index(own.categories)
    if isinstance(value, pd.DatetimeTZDtype):
        return name, value.unit, str(value.tz)
    if isinstance(value, pd.IntervalDtype):
        return name, value.closed, None if own.subtype is None else dtype(own.subtype)
    if isinstance(value, pd.PeriodDtype):
        return name, Step(".freq", value.freq)
    if isinstance(value, pd.SparseDtype):
        return name, dtype(value.subtype), Step(".fill_value", value.fill_value)
    if isinstance(value, pd.StringDtype):
        return name, value.storage, "NA" if value.na_value is pd.NA else "nan"
    if isinstance(value, pd.ArrowDtype):
        from holdall.cache.hashers.pyarrow import data_type

        return name, data_type(value.pyarrow_dtype)
    own = tuple((each, Step(f".{each}", getattr(value, each))) for each in value._metadata)  # noqa: SLF001 - what pandas asks dtypes to declare
    return name, value.name, own


def timestamp(value: Any) -> Any:
    return value.unit, int(value.asm8.view("i8")), value.fold, Step(".tzinfo", value.tzinfo)


def timedelta(value: Any) -> Any:
    return value.unit, int(value.asm8.view("i8"))


def period(value: Any) -> Any:
    return value.ordinal, Step(".freq", value.freq)


def interval(value: Any) -> Any:
    return Step(".left", value.left), Step(".right", value.right), value.closed


def missing(value: Any) -> str:
    return type(value).__name__


def offset(value: Any) -> Any:
    """Hashes a frequency: its kind, its multiple and its parameters."""
    made = {name: item for name, item in value.kwds.items() if name != "offset" or item}
    return (
        type(value).__name__,
        value.n,
        value.normalize,
        tuple((name, Step(f".{name}", made[name])) for name in sorted(made)),
    )


def flags(value: Any) -> Any:
    return value.allows_duplicate_labels
