"""Tables from files within a bound: what would be made is counted before it is, a row group or a batch at a time."""

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
"""Bytes that an estimate may lie above the bound: what was read is counted exactly, right after it."""


class CachedRanges:
    """The bytes of a source by ranges; what was fetched with `between` is held and not fetched again."""

    def __init__(self, source: Source) -> None:
        self.size = source.size
        self._file = source.open()
        self._held: dict[int, Buffer] = {}

    def between(self, start: int, stop: int, /) -> Buffer:
        """Fetches bytes and holds them."""
        self._held[start] = data = self._fetch(start, stop)
        return data

    def read_range(self, start: int, stop: int, /) -> Buffer:
        """Fewer bytes than asked for where those that are held end before `stop`."""
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
    """A Parquet file, read a row group at a time where all of them may be too much.

    `fields` are the columns to read (all, if None), `between(start, stop)` reads the file's bytes.
    """

    def __init__(
        self,
        file: Any,
        found: pq.ParquetFile,
        fields: list[str] | None,
        groups: list[pages.RowGroup],
        between: Callable[[int, int], Buffer],
    ) -> None:
        self._file = file
        self._found = found
        self._fields = fields
        self._groups = groups
        self._between = between
        kinds = [kind for field in found.schema_arrow for kind in _leaves(field.type)]
        counts = {len(kinds), len(found.schema), *(len(group.columns) for group in groups)}
        if len(counts) > 1 or len(groups) != found.num_row_groups:
            raise CorruptResultError("A row group of the stored .parquet file has other columns than the file.")
        paths = [found.schema.column(number).path for number in range(len(kinds))]
        self._columns = {n: _Column(path, kinds[n]) for n, path in enumerate(paths) if self._is_chosen(path)}

    def _is_chosen(self, path: str) -> bool:
        return self._fields is None or any(path == name or path.startswith(f"{name}.") for name in self._fields)

    def table(self, trust: Trust) -> pa.Table:
        """Raises `OutgrownError` where it is larger than the bound."""
        walked = [self._walked(number, trust) for number in range(len(self._groups))]
        fixed = [self._fixed(number, each) for number, each in enumerate(walked)]
        within(trust, sum(fixed))
        most = [sum(each) for each in zip(fixed, map(self._at_most, range(len(walked)), walked), strict=True)]
        if sum(most) <= (trust.max_bytes or 0) + _AHEAD:
            return self._found.read(columns=self._fields, use_pandas_metadata=True)
        pieces, left = [], trust
        for number, size in enumerate(most):
            if size > (left.max_bytes or 0) + _AHEAD:
                within(left, fixed[number] + self._exactly(number, walked[number]))
            piece = self._found.read_row_group(number, columns=self._fields, use_pandas_metadata=True)
            left = within(left, sizes.needed(piece))
            pieces.append(piece)
        return pa.concat_tables(pieces)

    def _walked(self, group: int, trust: Trust) -> dict[int, pages.Chunk]:
        walked = {}
        for number in self._columns:
            column = self._groups[group].columns[number]
            walked[number] = pages.walked(column, memoryview(self._between(column.start, column.stop)))
        # One page of each column is decompressed at a time, whether it holds what it should or not.
        largest = sum(page.largest for page in walked.values())
        if largest > (trust.max_bytes or 0) + _AHEAD:
            within(trust, largest)
        return walked

    def _fixed(self, group: int, walked: dict[int, pages.Chunk]) -> int:
        """Bytes of all but texts."""
        made = 0
        for number, page in walked.items():
            kind = self._columns[number].kind
            made += page.values * (sizes.POINTER + sizes.width(kind))
            made += page.dictionary if pa.types.is_dictionary(kind) else 0
        row = sum(sizes.width(each.type) for each in self._found.schema_arrow if self._is_chosen(each.name))
        return max(made, self._groups[group].rows * row)

    def _at_most(self, group: int, walked: dict[int, pages.Chunk]) -> int:
        """Bytes of texts, if each from a dictionary were the longest in it."""
        made = 0
        for path, page in self._of_texts(walked):
            made += page.plain
            if page.looked_up:
                # The first row brings the whole dictionary, where it has a value from it.
                rows = self._dictionaries(path).iter_batches(batch_size=1, row_groups=[group], columns=[path])
                first = next(rows, None)
                columns = [] if first is None else first.columns
                longest = max((sizes.longest(each, page.dictionary) for each in columns), default=page.dictionary)
                made += page.looked_up * longest
        return made

    def _exactly(self, group: int, walked: dict[int, pages.Chunk]) -> int:
        """Bytes of texts, as the dictionaries and what is looked up in them say."""
        made = 0
        for path, page in self._of_texts(walked):
            if page.looked_up:
                table = self._dictionaries(path).read_row_group(group, columns=[path])
                made += sum(sizes.texts(chunk) for column in table.columns for chunk in column.chunks)
            else:
                made += page.plain
        return made

    def _of_texts(self, walked: dict[int, pages.Chunk]) -> list[tuple[str, pages.Chunk]]:
        columns = ((self._columns[number], page) for number, page in walked.items())
        return [(column.path, page) for column, page in columns if sizes.is_text(column.kind)]

    def _dictionaries(self, path: str) -> pq.ParquetFile:
        return pq.ParquetFile(self._file, metadata=self._found.metadata, read_dictionary=[path])


def _leaves(kind: pa.DataType) -> list[pa.DataType]:
    """The types of the columns that Parquet makes of one."""
    if isinstance(kind, pa.BaseExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_nested(kind):
        return [leaf for number in range(kind.num_fields) for leaf in _leaves(kind.field(number).type)]
    return [kind]


def arrow(reader: pa.RecordBatchFileReader, made: batches.DecompressedSizes, trust: Trust, *, partly: bool) -> pa.Table:
    """The table of an Arrow file; of one that is read `partly`, some buffers stay compressed."""
    left = within(trust, made.dictionaries)
    if not partly:
        within(left, sum(made.batches))
        return reader.read_all()
    found = []
    for number, size in enumerate(made.batches):
        within(left, size)
        batch = reader.get_batch(number)
        if size:
            left = within(left, min(size, batch.nbytes))
        found.append(batch)
    return pa.Table.from_batches(found, reader.schema)
