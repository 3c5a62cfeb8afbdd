"""The Parquet and Arrow serializers. The first value imports pyarrow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from holdall.abc import Serializer
from holdall_arrow.formats import TableFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.types import Parts, Source

_SUFFIXES: Final = {"ipc": ".arrow", "feather": ".feather"}


class TableSerializer(Serializer, ABC):
    """Base class of both serializers: the file names the library of the table, which is read back with it."""

    exact: ClassVar[bool] = True
    expands: ClassVar[bool] = True

    @property
    @abstractmethod
    def table_format(self) -> TableFormat:
        """Format of the file."""

    def dump(self, obj: Any, /) -> Parts:
        from holdall_arrow import files, libraries

        return files.Parts(*libraries.to_arrow(obj, self.table_format), self.table_format)

    def decoded_size(self, parts: Parts, /) -> int | None:
        from holdall_arrow import files

        return parts.decoded if isinstance(parts, files.Parts) else None

    def load(self, source: Source, /) -> Any:
        from holdall_arrow import files, libraries

        return libraries.from_arrow(files.table(source, self.table_format, None), source.trust, self.slug)

    def load_columns(self, source: Source, columns: Sequence[str], /) -> Any:
        from holdall_arrow import files, libraries

        return libraries.from_arrow(files.table(source, self.table_format, list(columns)), source.trust, self.slug)


class ParquetSerializer(TableSerializer):
    """Writes a table as a Parquet file, which DuckDB, Spark and most others read.

    `compression` is that of its pages. A row group has up to `row_group_size` rows; one at a time is in memory.
    """

    slug: ClassVar[str] = "parquet"
    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    suffix: ClassVar[str] = ".parquet"

    compression: Literal["snappy", "zstd", "lz4", "gzip", "brotli", "none"] = "snappy"
    row_group_size: int = 1 << 20

    @property
    def table_format(self) -> TableFormat:
        return TableFormat(self.slug, self.suffix, self.compression, self.row_group_size)


class ArrowSerializer(TableSerializer):
    """Writes a table as an Arrow IPC file: larger than Parquet, and faster to write and to read.

    Feather (version 2) is the same format with its own file extension: `format="feather"`.
    """

    slug: ClassVar[str] = "arrow"
    media_type: ClassVar[str] = "application/vnd.apache.arrow.file"

    format: Literal["ipc", "feather"] = "ipc"
    compression: Literal["lz4", "zstd", "none"] = "none"

    @property
    def suffix(self) -> str:  # type: ignore[override]  # depends on the format, and stays read-only
        return _SUFFIXES[self.format]

    @property
    def table_format(self) -> TableFormat:
        return TableFormat(self.slug, self.suffix, self.compression)
