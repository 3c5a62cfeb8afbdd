"""Hashers of Arrow: type, names, metadata and values. Chunks, slices and dictionary encoding do not count."""

from __future__ import annotations

import sys
from struct import pack, unpack_from
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.hashers.parts import Chunks, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# What readers of files note there for themselves.
_NOTES: Final = frozenset({b"PARQUET:field_id", b"ARROW:schema"})
_ROWS: Final = 1 << 17


def array(value: Any) -> Any:
    return data_type(value.type), len(value), column(value.type, [value])


def chunked(value: Any) -> Any:
    return data_type(value.type), len(value), column(value.type, value.chunks)


def table(value: Any) -> Any:
    columns = tuple(
        Step(f'["{name}"]', column(each.type, each.chunks if hasattr(each, "chunks") else [each]))
        for name, each in zip(value.schema.names, value.columns, strict=True)
    )
    return type(value).__name__, schema(value.schema), value.num_rows, columns


def schema(value: Any) -> Any:
    return tuple(map(field, value)), _metadata(value.metadata)


def field(value: Any) -> Any:
    return value.name, data_type(value.type), value.nullable, _metadata(value.metadata)


def _metadata(value: Any) -> Any:
    return {key: item for key, item in (value or {}).items() if key not in _NOTES}


def data_type(value: Any) -> Any:
    """Hashes a type by its parameters and fields. The width of dictionary indices belongs to the encoding."""
    import pyarrow as pa

    if isinstance(value, pa.DictionaryType):
        return "dictionary", data_type(value.value_type), value.ordered
    if isinstance(value, pa.BaseExtensionType):
        stored = value.__arrow_ext_serialize__() if hasattr(value, "__arrow_ext_serialize__") else b""
        return "extension", value.extension_name, data_type(value.storage_type), stored
    if pa.types.is_map(value):
        return "map", field(value.key_field), field(value.item_field), value.keys_sorted
    if hasattr(value, "value_field"):
        # Whether its items are called item or element is a matter of the format that it was read from.
        inner = value.value_field
        size = getattr(value, "list_size", None)
        return str(value).partition("<")[0], data_type(inner.type), inner.nullable, _metadata(inner.metadata), size
    if value.num_fields:
        fields = tuple(field(value.field(number)) for number in range(value.num_fields))
        more = (value.mode, tuple(value.type_codes)) if pa.types.is_union(value) else None
        return str(value).partition("<")[0], fields, more
    return str(value)


def scalar(value: Any) -> Any:
    import pyarrow as pa

    return array(pa.array([value.as_py()], type=value.type))


def buffer(value: Any) -> Any:
    return Chunks([memoryview(value)])


def column(kind: Any, chunks: Iterable[Any]) -> Any:  # noqa: PLR0911 - one line a kind of array
    """Returns the validity and the valid values of one type. Data under a null is undefined and does not count."""
    import pyarrow as pa
    from pyarrow import compute

    pieces = [chunk for chunk in chunks if len(chunk)]
    if (plain := _with_offsets(kind)) is not None:
        return column(plain, [chunk.cast(plain) for chunk in pieces])
    if isinstance(kind, pa.BaseExtensionType):
        return column(kind.storage_type, [chunk.storage for chunk in pieces])
    if isinstance(kind, pa.DictionaryType):
        words = _words(kind, pieces) if kind.ordered else None
        return words, column(kind.value_type, [chunk.dictionary_decode() for chunk in pieces])
    if pa.types.is_null(kind):
        return None
    if pa.types.is_union(kind):
        return [each for chunk in pieces for each in chunk.to_pylist()]  # seldom met, and laid out in two ways
    if pa.types.is_run_end_encoded(kind):
        return column(kind.value_type, [compute.run_end_decode(chunk) for chunk in pieces])
    present = None
    if any(chunk.null_count for chunk in pieces):
        present = Chunks(map(_presence, pieces))
        pieces = [chunk.drop_null() if chunk.null_count else chunk for chunk in pieces]
    return present, _values(kind, [chunk for chunk in pieces if len(chunk)])


def _with_offsets(kind: Any) -> Any:
    """Returns the contiguous type for a view type."""
    import pyarrow as pa

    if kind == pa.string_view():
        return pa.large_string()
    if kind == pa.binary_view():
        return pa.large_binary()
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(kind.value_field)
    return None


def _words(kind: Any, pieces: list[Any]) -> Any:
    """Returns the dictionary of an ordered dictionary array, whose order compares the values."""
    import pyarrow as pa

    whole = pa.chunked_array(pieces, type=kind).unify_dictionaries()
    return column(kind.value_type, [whole.chunk(0).dictionary]) if whole.num_chunks else None


def _presence(chunk: Any) -> Any:
    return _bytes_of(chunk.is_valid())


def _bytes_of(flags: Any) -> Any:
    """Returns one byte for each item of a boolean array without nulls."""
    import pyarrow as pa

    found = flags.cast(pa.uint8())
    return memoryview(found.buffers()[1])[found.offset : found.offset + len(found)]


def _values(kind: Any, pieces: list[Any]) -> Any:  # noqa: PLR0911 - as above
    """Content of arrays without nulls, by type."""
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(kind):
        return Chunks(map(_bytes_of, pieces))
    if types.is_string(kind) or types.is_binary(kind):
        return _texts(pieces, "i")
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return _texts(pieces, "q")
    if types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        inner = [chunk.flatten() for chunk in pieces]
        return tuple(
            Step(f".{each.name}", column(each.type, [parts[number] for parts in inner]))
            for number, each in enumerate(fields)
        )
    if types.is_map(kind):
        return (
            _lists(pieces, _map_lengths),
            _between(kind.key_type, pieces, "keys"),
            _between(kind.item_type, pieces, "items"),
        )
    if types.is_nested(kind):  # lists of all kinds
        return _lists(pieces, _lengths), column(kind.value_type, [chunk.flatten() for chunk in pieces])
    return Chunks(each for chunk in pieces for each in _fixed(kind, chunk))


def _lists(pieces: list[Any], lengths: Callable[[Any], Any]) -> Any:
    return Chunks(map(lengths, pieces))


def _lengths(chunk: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    return _little(compute.list_value_length(chunk).cast(pa.int64()), 8)


def _map_lengths(chunk: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    ends = chunk.offsets.cast(pa.int64())
    return _little(compute.subtract(ends[1:], ends[:-1]), 8)


def _between(kind: Any, pieces: list[Any], what: str) -> Any:
    inner = []
    for chunk in pieces:
        ends = chunk.offsets
        first, last = ends[0].as_py(), ends[-1].as_py()
        inner.append(getattr(chunk, what)[first:last])
    return Step(f".{what}", column(kind, inner))


def _texts(pieces: list[Any], letter: str) -> Any:
    """Returns the lengths and all bytes in a row."""
    import pyarrow as pa
    from pyarrow import compute

    def data(chunk: Any) -> Any:
        _, ends, buffer = chunk.buffers()
        size = 4 if letter == "i" else 8
        first = unpack_from(letter, ends, chunk.offset * size)[0]
        last = unpack_from(letter, ends, (chunk.offset + len(chunk)) * size)[0]
        return memoryview(buffer)[first:last] if buffer is not None else b""

    lengths = (_little(compute.binary_length(chunk).cast(pa.int64()), 8) for chunk in pieces)
    return Chunks(lengths), Chunks(map(data, pieces))


def _fixed(kind: Any, chunk: Any) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import compute

    width = kind.bit_width // 8
    if not pa.types.is_floating(kind):
        yield _little(chunk, width)
        return
    for start in range(0, len(chunk), _ROWS):
        part = chunk.slice(start, _ROWS)
        missing = compute.is_nan(part)
        if compute.any(missing).as_py():
            part = compute.if_else(missing, pa.scalar(float("nan"), kind), part)
        yield _little(part, width)


def _little(chunk: Any, width: int) -> Any:
    """Returns the bytes of fixed-width values without nulls."""
    found = memoryview(chunk.buffers()[1])[chunk.offset * width : (chunk.offset + len(chunk)) * width]
    if sys.byteorder == "little":
        return found
    from array import array

    letter = {1: "B", 2: "H", 4: "I", 8: "Q"}.get(width)
    if letter is None:  # decimals and the like: pairs of words, the lower first
        return b"".join(pack("<Q", word) for word in unpack_from(f">{len(found) // 8}Q", found))
    words = array(letter, found.tobytes())
    words.byteswap()
    return words
