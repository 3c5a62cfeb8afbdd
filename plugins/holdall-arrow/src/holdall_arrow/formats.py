"""File format of a serializer."""

from __future__ import annotations

from typing import NamedTuple


class TableFormat(NamedTuple):
    """The file format of a table: Parquet where it has row groups, else Arrow IPC.

    `slug` is that of the serializer, `suffix` the extension of the file, `compression` the one of pages or buffers,
    `"none"` for none. A row group has at most `row_group_size` rows.
    """

    slug: str
    suffix: str
    compression: str
    row_group_size: int | None = None
