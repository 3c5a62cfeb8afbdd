"""The pages of a Parquet file, by their own headers: how much they make, before one of them is read.

The file's footer says so as well, and nothing holds its writer to it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from holdall.errors import CorruptResultError

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PLAIN: Final = {0, 3}
"""Values as they are, and booleans in runs."""
_LOOKED_UP: Final = {2, 8}
_BINARY, _LIST, _SET, _MAP, _STRUCT = 8, 9, 10, 11, 12
_DEEP: Final = 8


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


def walked(chunk: Any, data: memoryview, /) -> Chunk:
    """Of the column chunk whose bytes are `data`; nothing is decompressed.

    Raises:
        CorruptResultError: the pages are not those that this column has, or none that holdall writes.
    """
    values = looked_up = plain = dictionary = largest = 0
    at = 0
    while values < chunk.num_values:
        header, at = _header(data, at)
        size, stored = header.get(2), header.get(3)
        if type(size) is not int or type(stored) is not int or size < 0 or stored < 0 or at + stored > len(data):
            raise CorruptResultError("A page of the stored .parquet file does not lie in it.")
        at += stored
        largest = max(largest, size)
        if header.get(1) == _DICTIONARY:
            dictionary += size
            continue
        page = header.get({_DATA: 5, _DATA_V2: 8}.get(header.get(1), 0))
        encoding = {_DATA: 2, _DATA_V2: 4}.get(header.get(1), 0)
        if not isinstance(page, dict) or type(count := page.get(1)) is not int or count < 0:
            raise CorruptResultError("A page of the stored .parquet file is of no known kind.")
        values += count
        if page.get(encoding) in _LOOKED_UP:
            looked_up += count
        elif page.get(encoding) in _PLAIN:
            plain += size
        else:
            raise CorruptResultError(
                f"A page of the stored .parquet file has the encoding {page.get(encoding)!r:.20}, which holdall does not write."
            )
    if values != chunk.num_values:
        raise CorruptResultError(f"A column of the stored .parquet file has {values} values, not {chunk.num_values}.")
    return Chunk(values, looked_up, plain, dictionary, largest)


def span(chunk: Any, /) -> tuple[int, int]:
    """Where the chunk's bytes are, as pyarrow finds them."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    return start, start + chunk.total_compressed_size


def _header(data: memoryview, at: int) -> tuple[dict[int, Any], int]:
    try:
        return _struct(data, at, 0)
    except IndexError:
        raise CorruptResultError("A page header of the stored .parquet file ends too early.") from None


# Thrift's compact protocol, as far as page headers go.


def _struct(data: memoryview, at: int, depth: int) -> tuple[dict[int, Any], int]:
    found: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _number(data, at)
        found[number], at = _value(data, at, head & 15, depth)
    return found, at + 1


def _value(data: memoryview, at: int, kind: int, depth: int) -> tuple[Any, int]:  # noqa: PLR0911 - one for each type
    if kind in {1, 2}:  # the two booleans, which are in the type itself
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in {4, 5, 6}:
        return _number(data, at)
    if kind == 7:
        return None, at + 8
    if kind == _BINARY:
        length, at = _length(data, at)
        return None, at + length
    if depth < _DEEP and kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if depth < _DEEP and kind in {_LIST, _SET}:
        head, at = data[at], at + 1
        count = head >> 4
        if count == 15:
            count, at = _length(data, at)
        for _ in range(count):
            # Where they stand alone, booleans take a byte.
            _, at = (None, at + 1) if head & 15 in {1, 2} else _value(data, at, head & 15, depth + 1)
        return None, at
    raise CorruptResultError("A page header of the stored .parquet file cannot be read.")


def _length(data: memoryview, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise CorruptResultError("A number in a page header of the stored .parquet file is too long.")
    if found > len(data):
        raise IndexError
    return found, at


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """A signed one, in zigzag."""
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return (found >> 1) ^ -(found & 1), at
        shift += 7
        if shift > 63:
            raise CorruptResultError("A number in a page header of the stored .parquet file is too long.")
