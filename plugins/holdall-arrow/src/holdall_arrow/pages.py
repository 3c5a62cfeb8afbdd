"""The pages of a Parquet file, by their own headers: how much they make, before one of them is read.

The file's footer says so as well, and nothing holds its writer to it.
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
"""Values as they are, and booleans in runs."""
_LOOKED_UP: Final = {2, 8}


class Column(NamedTuple):
    """A column of a row group, as the footer has it."""

    values: int
    start: int
    stop: int


class RowGroup(NamedTuple):
    rows: int
    columns: list[Column]


class Chunk(NamedTuple):
    """A column of a row group: what its pages say."""

    values: int
    """All of them, absent ones and empty lists included."""
    looked_up: int
    """Those that stand in the dictionary."""
    plain: int
    """Bytes of the pages that hold values themselves."""
    dictionary: int
    """Bytes of the dictionary."""
    largest: int
    """Bytes of the largest page."""


def row_groups(between: Callable[[int, int], Buffer], size: int, /) -> list[RowGroup]:
    """Of the file of `size` bytes that `between(start, stop)` reads from.

    Raises:
        CorruptResultError: it is none.
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


def _column(said: dict[int, Any], size: int) -> Column:
    start = _size(said.get(9))
    if 0 < (dictionary := said.get(11) or 0) < start:
        start = dictionary
    stop = start + _size(said.get(7))
    if stop > size:
        raise ValueError("it does not lie in the file")
    return Column(_size(said.get(5)), start, stop)


def walked(column: Column, data: memoryview, /) -> Chunk:
    """What the pages in its bytes say; nothing is decompressed.

    Raises:
        CorruptResultError: the pages are not those that this column has, or none that holdall writes.
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


def _size(said: Any) -> int:
    if type(said) is not int or said < 0:
        raise CorruptResultError(f"A size in the stored .parquet file is {said!r:.20}.")
    return said
