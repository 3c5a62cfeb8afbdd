"""Decompressed sizes of a Parquet file, from the headers of its pages, before one is read.

The file's footer has sizes as well, but nothing ensures that they are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.errors import CorruptResultError
from holdall_arrow import thrift

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.types import Buffer

_MAGIC: Final = b"PAR1"
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PLAIN: Final = {0, 3}
"""Encodings of plain values, and of booleans in runs."""
_LOOKED_UP: Final = {2, 8}


class Column(NamedTuple):
    """Column of a row group in the footer."""

    values: int
    start: int
    stop: int


class RowGroup(NamedTuple):
    rows: int
    columns: list[Column]


class Chunk(NamedTuple):
    """Column of a row group: sizes from the headers of its pages."""

    values: int
    """All values, including nulls and empty lists."""
    looked_up: int
    """Values that are indices into the dictionary."""
    plain: int
    """Bytes of the pages with plain values."""
    dictionary: int
    """Bytes of the dictionary."""
    largest: int
    """Bytes of the largest page."""


def row_groups(between: Callable[[int, int], Buffer], size: int, /) -> list[RowGroup]:
    """Reads the row groups from the footer of a file of `size` bytes, which `between(start, stop)` reads.

    Raises:
        CorruptResultError: it is not a Parquet file.
    """
    tail = bytes(between(size - 8, size))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or not 0 < length <= size - 8:
        raise CorruptResultError("The stored bytes are no .parquet file: they do not end as one does.")
    footer, _ = thrift.struct(memoryview(between(size - 8 - length, size - 8)))
    try:
        return [
            RowGroup(_size(group.get(3)), [_column(column[3], size) for column in group[1]])
            for group in footer.get(4, [])
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CorruptResultError("The footer of the stored .parquet file does not say what is in it.") from error


def _column(meta: dict[int, Any], size: int) -> Column:
    start = _size(meta.get(9))
    if 0 < (dictionary := meta.get(11) or 0) < start:
        start = dictionary
    stop = start + _size(meta.get(7))
    if stop > size:
        raise ValueError("it does not lie in the file")
    return Column(_size(meta.get(5)), start, stop)


def summarise(column: Column, data: memoryview, /) -> Chunk:
    """Sums up the page headers in a column's bytes; nothing is decompressed.

    Raises:
        CorruptResultError: the pages are not those of this column, or not of a kind that holdall writes.
    """
    values = looked_up = plain = dictionary = largest = 0
    at = 0
    while values < column.values:
        header, at = thrift.struct(data, at)
        kind, size = _size(header.get(1)), _size(header.get(2))
        at += _size(header.get(3))
        if at > len(data):
            raise CorruptResultError("A page of the stored .parquet file does not lie in it.")
        largest = max(largest, size)
        if kind == _DICTIONARY:
            dictionary += size
            continue
        page, encoding = {_DATA: (header.get(5), 2), _DATA_V2: (header.get(8), 4)}.get(kind, (None, 0))
        if not isinstance(page, dict):
            raise CorruptResultError("A page of the stored .parquet file is of no known kind.")
        count = _size(page.get(1))
        values += count
        if page.get(encoding) in _LOOKED_UP:
            looked_up += count
        elif page.get(encoding) in _PLAIN:
            plain += size
        else:
            raise CorruptResultError(
                f"A page of the stored .parquet file has the encoding {page.get(encoding)!r:.20}, which holdall does not write."
            )
    if values != column.values:
        raise CorruptResultError(f"A column of the stored .parquet file has {values} values, not {column.values}.")
    return Chunk(values, looked_up, plain, dictionary, largest)


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise CorruptResultError(f"A size in the stored .parquet file is {value!r:.20}.")
    return value
