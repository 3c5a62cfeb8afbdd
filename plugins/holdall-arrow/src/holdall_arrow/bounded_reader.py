"""Readers of tables with a memory limit: sizes are computed before each row group or batch is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from holdall.abc.bound import within
from holdall.errors import CorruptResultError
from holdall_arrow import batches, pages, sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.types import Buffer, Source, Trust

_AHEAD: Final = 4 << 20
"""Bytes by which an estimate may exceed the limit, as the exact size is counted right after reading."""


class CachedRanges:
    """Ranges of a source; those that were read with `between` are cached."""

    def __init__(self, source: Source) -> None:
        self.size = source.size
        self._file = source.open()
        self._held: dict[int, Buffer] = {}

    def between(self, start: int, stop: int, /) -> Buffer:
        """Reads a range and caches it."""
        self._held[start] = data = self._fetch(start, stop)
        return data

    def read_range(self, start: int, stop: int, /) -> Buffer:
        """Reads a range; returns fewer bytes if a cached range ends before `stop`."""
        for at, data in self._held.items():
            if at <= start < at + len(data):
                return memoryview(data)[start - at : stop - at]
        return self._fetch(start, stop)

    def _fetch(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return self._file.read(stop - start)


class _Column(NamedTuple):
    path: str
    kind: pa.DataType


class RowGroupReader:
    """Reader of a Parquet file within a memory limit, one row group at a time if all may exceed it.

    `fields` are the columns to read (all, if None), `between(start, stop)` reads the file's bytes.
    """

    def __init__(
        self,
        file: Any,
        parquet: pq.ParquetFile,
        fields: list[str] | None,
        groups: list[pages.RowGroup],
        between: Callable[[int, int], Buffer],
    ) -> None:
        self._file = file
        self._parquet = parquet
        self._fields = fields
        self._groups = groups
        self._between = between
        kinds = [kind for field in parquet.schema_arrow for kind in _leaves(field.type)]
        counts = {len(kinds), len(parquet.schema), *(len(group.columns) for group in groups)}
        if len(counts) > 1 or len(groups) != parquet.num_row_groups:
            raise CorruptResultError("A row group of the stored .parquet file has other columns than the file.")
        paths = [parquet.schema.column(number).path for number in range(len(kinds))]
        self._columns = {n: _Column(path, kinds[n]) for n, path in enumerate(paths) if self._is_chosen(path)}

    def _is_chosen(self, path: str) -> bool:
        return self._fields is None or any(path == name or path.startswith(f"{name}.") for name in self._fields)

    def table(self, trust: Trust) -> pa.Table:
        """Reads the table; raises `OutgrownError` if it is larger than the limit."""
        chunks = [self._chunks(number, trust) for number in range(len(self._groups))]
        fixed = [self._fixed_size(number, each) for number, each in enumerate(chunks)]
        within(trust, sum(fixed))
        most = [sum(each) for each in zip(fixed, map(self._text_size_bound, range(len(chunks)), chunks), strict=True)]
        if sum(most) <= (trust.max_bytes or 0) + _AHEAD:
            return self._parquet.read(columns=self._fields, use_pandas_metadata=True)
        pieces, left = [], trust
        for number, size in enumerate(most):
            if size > (left.max_bytes or 0) + _AHEAD:
                within(left, fixed[number] + self._text_size(number, chunks[number]))
            piece = self._parquet.read_row_group(number, columns=self._fields, use_pandas_metadata=True)
            left = within(left, sizes.needed(piece))
            pieces.append(piece)
        return pa.concat_tables(pieces)

    def _chunks(self, group: int, trust: Trust) -> dict[int, pages.Chunk]:
        chunks = {}
        for number in self._columns:
            column = self._groups[group].columns[number]
            chunks[number] = pages.summarise(column, memoryview(self._between(column.start, column.stop)))
        # One page of each column is decompressed at a time, whatever its content is.
        largest = sum(chunk.largest for chunk in chunks.values())
        if largest > (trust.max_bytes or 0) + _AHEAD:
            within(trust, largest)
        return chunks

    def _fixed_size(self, group: int, chunks: dict[int, pages.Chunk]) -> int:
        """Returns the bytes of all values except texts."""
        made = 0
        for number, chunk in chunks.items():
            kind = self._columns[number].kind
            made += chunk.values * (sizes.POINTER + sizes.width(kind))
            made += chunk.dictionary if pa.types.is_dictionary(kind) else 0
        row = sum(sizes.width(each.type) for each in self._parquet.schema_arrow if self._is_chosen(each.name))
        return max(made, self._groups[group].rows * row)

    def _text_size_bound(self, group: int, chunks: dict[int, pages.Chunk]) -> int:
        """Returns an upper bound for the bytes of texts: each from a dictionary counts as its longest."""
        made = 0
        for path, chunk in self._text_chunks(chunks):
            made += chunk.plain
            if chunk.looked_up:
                # Reading the first row reads the whole dictionary, if it has a value from it.
                rows = self._dictionaries(path).iter_batches(batch_size=1, row_groups=[group], columns=[path])
                first = next(rows, None)
                columns = [] if first is None else first.columns
                longest = max((sizes.longest(each, chunk.dictionary) for each in columns), default=chunk.dictionary)
                made += chunk.looked_up * longest
        return made

    def _text_size(self, group: int, chunks: dict[int, pages.Chunk]) -> int:
        """Returns the exact bytes of texts, from the dictionaries and the indices."""
        made = 0
        for path, chunk in self._text_chunks(chunks):
            if chunk.looked_up:
                table = self._dictionaries(path).read_row_group(group, columns=[path])
                made += sum(sizes.texts(piece) for column in table.columns for piece in column.chunks)
            else:
                made += chunk.plain
        return made

    def _text_chunks(self, chunks: dict[int, pages.Chunk]) -> list[tuple[str, pages.Chunk]]:
        columns = ((self._columns[number], chunk) for number, chunk in chunks.items())
        return [(column.path, chunk) for column, chunk in columns if sizes.is_text(column.kind)]

    def _dictionaries(self, path: str) -> pq.ParquetFile:
        return pq.ParquetFile(self._file, metadata=self._parquet.metadata, read_dictionary=[path])


def _leaves(kind: pa.DataType) -> list[pa.DataType]:
    """Returns the types of the Parquet columns of a column."""
    if isinstance(kind, pa.BaseExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_nested(kind):
        return [leaf for number in range(kind.num_fields) for leaf in _leaves(kind.field(number).type)]
    return [kind]


def read_arrow(
    reader: pa.RecordBatchFileReader, decompressed: batches.DecompressedSizes, trust: Trust, *, partly: bool
) -> pa.Table:
    """Reads an Arrow file within a memory limit; if it is read `partly`, some buffers are not decompressed."""
    left = within(trust, decompressed.dictionaries)
    if not partly:
        within(left, sum(decompressed.batches))
        return reader.read_all()
    found = []
    for number, size in enumerate(decompressed.batches):
        within(left, size)
        batch = reader.get_batch(number)
        if size:
            left = within(left, min(size, batch.nbytes))
        found.append(batch)
    return pa.Table.from_batches(found, reader.schema)
