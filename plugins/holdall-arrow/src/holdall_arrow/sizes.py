"""Memory size of a table after reading, by its values and not by how it is stored.

The tables that are written and read differ in dictionaries, chunks and null bits; these sizes do not, so that the writer
declares the same size that the reader counts.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

POINTER: Final = 8
"""Bytes for a value in addition to the value: an offset, a pointer to an object, or null bits."""
NESTED: Final = 112
"""Bytes of the empty list or dict that pandas creates for a row."""
_COPIES: Final = {"pandas": 2, "polars": 2}
"""Copies in memory: the table, and the frame from it."""
_SLACK: Final = 64 << 10


def declared(table: pa.Table, library: str, groups: int, /) -> int:
    """Returns an upper bound for the bytes of a table after reading, for its record. Each of `groups` has its dictionaries."""
    size = needed(table, library, groups)
    return size + size // 4 + _SLACK


def needed(table: pa.Table, library: str = "pyarrow", groups: int = 1) -> int:
    """Returns the bytes of the table, and of the frame of the library from it."""
    size = sum(_array(chunk, 0, groups) for column in table.columns for chunk in column.chunks)
    return _COPIES.get(library, 1) * size


def width(kind: pa.DataType, /) -> int:
    """Returns the bytes of one value, at least one, without those of a text or a list."""
    if isinstance(kind, pa.BaseExtensionType):
        return width(kind.storage_type)
    if pa.types.is_struct(kind):
        return sum(width(kind.field(number).type) for number in range(kind.num_fields)) or 1
    if pa.types.is_fixed_size_list(kind):
        return max(int(kind.list_size) * width(kind.value_type), 1)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return max(POINTER, width(kind.value_type))
    try:
        return max((int(kind.bit_width) + 7) // 8, 1)
    except ValueError:  # it has none
        return POINTER


def texts(array: Any, /) -> int:
    """Returns the bytes of all texts (or bytes) of an array, with dictionaries expanded."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return texts(array.storage)
    if pa.types.is_dictionary(kind):
        if not is_text(kind.value_type) or not len(array):
            return 0
        return int(pc.sum(pc.cast(_lengths(array.dictionary), pa.int64()).take(array.indices)).as_py() or 0)
    if is_text(kind):
        return int(pc.sum(_lengths(array)).as_py() or 0)
    return sum(map(texts, _inside(array)))


def shares(kind: pa.DataType, /) -> bool:
    """Whether several values of the type may share their bytes."""
    if isinstance(kind, pa.BaseExtensionType):
        return shares(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind) or _is_view(kind):
        return True
    return pa.types.is_nested(kind) and any(shares(kind.field(number).type) for number in range(kind.num_fields))


def longest(array: Any, page: int, /) -> int:
    """Returns the bytes of the longest text in the dictionary, or `page`, its whole size, if this is another dictionary."""
    if pa.types.is_dictionary(array.type):
        lengths = _lengths(array.dictionary)
        whole = 4 * len(lengths) + (pc.sum(lengths).as_py() or 0) == page
        return int(pc.max(lengths).as_py() or 0) if whole else page
    return max((longest(each, page) for each in _inside(array)), default=page)


def _array(array: Any, above: int, groups: int, *, nested: bool = False) -> int:  # noqa: PLR0911 - one for each type
    """Returns the bytes of an array. `above` counts the lists around it: in Parquet an empty one has an entry as well."""
    kind, slots = array.type, len(array) + above
    if isinstance(kind, pa.BaseExtensionType):
        return _array(array.storage, above, groups, nested=nested)
    if pa.types.is_dictionary(kind):
        # Parquet gives back some as what they stand for.
        written_out = texts(array) if nested else 0
        return slots * (POINTER + width(kind)) + groups * _array(array.dictionary, 0, 1) + written_out
    if pa.types.is_struct(kind):
        return slots * (NESTED if nested else POINTER) + _all(array, above, groups)
    if pa.types.is_fixed_size_list(kind):
        return slots * NESTED + _all(array, above * kind.list_size, groups)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return slots * NESTED + _all(array, slots, groups)
    if pa.types.is_nested(kind):  # the rest of them, which neither Parquet nor the frames know
        return int(array.nbytes) + slots * NESTED + _all(array, slots, groups)
    return slots * (POINTER + width(kind)) + texts(array)


def _all(array: Any, above: int, groups: int) -> int:
    return sum(_array(each, above, groups, nested=True) for each in _inside(array))


def _inside(array: Any) -> list[Any]:  # noqa: PLR0911 - one for each type
    """Returns the child arrays, limited to the rows that are used."""
    kind = array.type
    if pa.types.is_struct(kind):
        return [array.field(number) for number in range(kind.num_fields)]
    if pa.types.is_fixed_size_list(kind):
        return [array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        if not len(array):
            return [array.values.slice(0, 0)]
        first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return [array.values.slice(first, last - first)]
    if pa.types.is_run_end_encoded(kind):
        return [array.values]
    if pa.types.is_union(kind):
        return [array.field(number) for number in range(kind.num_fields)]
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return [array.flatten()]
    return []


def is_text(kind: pa.DataType) -> bool:
    found = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary, _is_view)
    return any(is_one(kind) for is_one in found)


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _lengths(array: Any) -> Any:
    if _is_view(array.type):
        views = memoryview(array.buffers()[1]).cast("B")[array.offset * 16 : (array.offset + len(array)) * 16]
        return pa.array(views.cast("i")[::4].tolist(), pa.int64())  # each begins with its length
    return pc.binary_length(array)
