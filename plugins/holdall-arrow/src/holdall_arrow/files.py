"""Writer and reader of table files: written as a stream, read as a whole or by columns."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from holdall.errors import ConfigurationError, CorruptResultError, UntrustedResultError
from holdall.serialization.sources import PartsSink, RangeReader
from holdall_arrow import batches, extensions, pages, sizes
from holdall_arrow.bounded_reader import CachedRanges, RowGroupReader, read_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, Source
    from holdall_arrow.formats import TableFormat

_BATCH: Final = 1 << 20
"""Rows of a record batch of an Arrow file."""
_BROKEN: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError)


class Parts:
    """File of a table, written a row group or a record batch at a time; iterated once.

    `decoded` is an upper bound for the bytes of the table that is read.
    """

    def __init__(self, table: pa.Table, library: str, how: TableFormat, /) -> None:
        rows = _BATCH if how.row_group_size is None else how.row_group_size
        in_place = how.row_group_size is None and how.compression == "none"
        self.decoded = 0
        if not in_place or library != "pyarrow":
            self.decoded = sizes.declared(table, library, max(-(-table.num_rows // rows), 1))
        if not in_place and how.row_group_size is None:  # buffers of a slice may be those of the whole
            self.decoded += sum(map(pa.ipc.get_record_batch_size, _one_dictionary(table).to_batches(_BATCH)))
        self._stream = _written(table, how)

    def __iter__(self) -> Iterator[Buffer]:
        return self._stream


def _written(table: pa.Table, how: TableFormat, /) -> Iterator[Buffer]:
    sink = PartsSink()
    if how.row_group_size is not None:
        with pq.ParquetWriter(pa.PythonFile(sink, "w"), table.schema, compression=how.compression) as writer:
            for at in range(0, max(table.num_rows, 1), how.row_group_size):
                writer.write_table(table.slice(at, how.row_group_size))
                yield from sink.take()
    else:
        options = pa.ipc.IpcWriteOptions(compression=None if how.compression == "none" else how.compression)
        with pa.ipc.new_file(pa.PythonFile(sink, "w"), _one_dictionary(table).schema, options=options) as ipc:
            for batch in _one_dictionary(table).to_batches(_BATCH):
                ipc.write_batch(batch)
                yield from sink.take()
    yield from sink.take()


def _one_dictionary(table: pa.Table) -> pa.Table:
    """Unifies the dictionaries of the chunks: a file has one for each column."""
    return table.unify_dictionaries()


def read_back(table: pa.Table, how: TableFormat, /) -> pa.Table:
    """Writes and reads a small table; raises pyarrow's exception if it cannot be written."""
    sink = pa.BufferOutputStream()
    if how.row_group_size is not None:
        pq.write_table(table, sink, compression=how.compression)
        return pq.read_table(pa.BufferReader(sink.getvalue()))
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_file(sink.getvalue()).read_all()


def table(source: Source, how: TableFormat, columns: list[str] | None, /) -> pa.Table:
    """Reads the table, or some of its columns with the index that pandas wrote.

    Raises:
        CorruptResultError: the bytes are not a file of the format.
        ConfigurationError: the table has no such column.
    """
    trust = source.trust
    with _corrupt(how):
        file, between = _opened(source, whole=columns is None)
        extensions.check(between, source.size, trust, parquet=how.row_group_size is not None)
        if how.row_group_size is not None:
            parquet = pq.ParquetFile(file)
            schema = parquet.schema_arrow
            wanted = _chosen(columns, schema)
            if trust.max_bytes is None:
                return parquet.read(columns=wanted, use_pandas_metadata=True)
            groups = pages.row_groups(between, source.size)
            fields = None if wanted is None else [*wanted, *_index_columns(schema)]
            found = RowGroupReader(file, parquet, fields, groups, between).table(trust)
        else:
            decompressed = batches.decompressed_sizes(between, source.size)
            reader = pa.ipc.open_file(file)
            wanted = _chosen(columns, reader.schema)
            if wanted is not None:
                wanted = [*wanted, *_index_columns(reader.schema)]
                options = pa.ipc.IpcReadOptions(
                    included_fields=[reader.schema.get_field_index(each) for each in wanted]
                )
                reader = pa.ipc.open_file(file, options=options)
            found = read_arrow(reader, decompressed, trust, partly=wanted is not None)
            found.validate(full=True)
            if wanted is not None:
                found = found.select(wanted)
    return found


def _opened(source: Source, *, whole: bool) -> tuple[Any, Callable[[int, int], Buffer]]:
    """Returns the file for pyarrow, and a function that reads a range of it."""
    if whole:
        view = memoryview(source.buffer())
        return pa.BufferReader(pa.py_buffer(view)), lambda start, stop: view[max(start, 0) : stop]
    ranges = CachedRanges(source)
    return pa.PythonFile(io.BufferedReader(RangeReader(ranges)), "r"), ranges.between


def _chosen(columns: list[str] | None, schema: pa.Schema) -> list[str] | None:
    if columns is None:
        return None
    index = _index_columns(schema)
    unknown = [each for each in columns if each not in schema.names or each in index]
    if unknown:
        have = ", ".join(repr(name) for name in schema.names if name not in index)
        raise ConfigurationError(f"The stored table has no column {unknown[0]!r}. It has {have or 'none'}.")
    return columns


def _index_columns(schema: pa.Schema) -> list[str]:
    found = (schema.pandas_metadata or {}).get("index_columns", [])
    return [each for each in found if isinstance(each, str)]


@contextmanager
def _corrupt(how: TableFormat) -> Iterator[None]:
    try:
        yield
    except (CorruptResultError, ConfigurationError, UntrustedResultError):
        raise
    except _BROKEN as error:
        raise CorruptResultError(f"The stored bytes are no {how.suffix} file: {error}.") from error
