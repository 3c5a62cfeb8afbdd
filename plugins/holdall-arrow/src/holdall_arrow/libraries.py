"""Conversion between Arrow and the library of a table: pandas, polars or pyarrow."""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.ipc

from holdall.abc.bound import within
from holdall.errors import CorruptResultError, SerializationError
from holdall_arrow import extensions, sizes
from holdall_arrow.errors import refused
from holdall_arrow.files import read_back

if TYPE_CHECKING:
    from types import ModuleType

    from holdall.types import Trust
    from holdall_arrow.formats import TableFormat

META: Final = b"holdall"
"""Key of the file's metadata for notes: JSON with what Arrow does not store."""
_LIBRARIES: Final = frozenset({"pandas", "polars"})


def to_arrow(obj: Any, how: TableFormat, /) -> tuple[pa.Table, str]:
    """Returns the Arrow table, with notes in its metadata, and the library of the object.

    Raises:
        SerializationError: it is not a table, or would be read back changed; with the path.
    """
    if type(obj) is pa.Table:
        found, notes = obj, _plain_notes(obj, how)
    else:
        modules = [base.__module__.partition(".")[0] for base in type(obj).__mro__]
        library = next((each for each in modules if each in _LIBRARIES), "")
        if not library:
            raise refused("result", f"is {_described(obj)}, and no table of pandas, polars or pyarrow", how.slug, obj)
        found, notes = _module(library).to_arrow(obj, how)
        notes["library"] = library
    for field in found.schema:
        if (name := extensions.unknown(field)) is not None:
            raise refused(
                f'result["{field.name}"]',
                f"has the extension type {name!r}, which reading would have to call",
                how.slug,
                obj,
            )
    text = json.dumps(notes, separators=(",", ":"))
    made = found.replace_schema_metadata({**(found.schema.metadata or {}), META: text.encode()})
    return made, notes["library"]


def _plain_notes(table: pa.Table, how: TableFormat) -> dict[str, Any]:
    """Returns the notes of a pyarrow table, with its schema if the format lacks one of its types."""
    schema = table.schema.remove_metadata()
    try:
        back = read_back(table.slice(0, 0), how)
        if back.schema.remove_metadata().equals(schema):
            return {"library": "pyarrow"}
        back.cast(schema)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise refused("result", f"has no form in this format ({error})", how.slug, table) from error
    return {"library": "pyarrow", "schema": b64encode(schema.serialize()).decode("ascii")}


def from_arrow(table: pa.Table, trust: Trust, serializer: str, /) -> Any:
    """Returns the object that `to_arrow` got, or the columns of it that were read."""
    metadata = dict(table.schema.metadata or {})
    try:
        notes = json.loads(metadata.pop(META, b'{"library":"pyarrow"}'))
        library = notes["library"]
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptResultError(f"The notes of holdall in the stored table cannot be read: {error}.") from error
    plain = table.replace_schema_metadata(metadata or None)
    if library == "pyarrow":
        return _cast(plain, notes["schema"], trust) if "schema" in notes else plain
    if library not in _LIBRARIES:
        raise CorruptResultError(f"The stored table is of a library that is unknown here: {library!r:.40}.")
    module = _module(library)
    if trust.max_bytes is not None:
        within(trust, sizes.needed(plain, library))
    return module.from_arrow(plain, notes, trust, serializer)


def _cast(table: pa.Table, text: str, trust: Trust) -> pa.Table:
    try:
        message = b64decode(text, validate=True)
        extensions.check_schema(message, trust)
        wanted = pa.ipc.read_schema(pa.py_buffer(message))
        chosen = pa.schema([wanted.field(name) for name in table.column_names], table.schema.metadata)
        # Nulls take as much memory as their type has, and dictionaries and views would be expanded.
        within(trust, table.num_rows * sum(sizes.width(field.type) for field in chosen))
        _check_written_out(table.schema, chosen)
        return table.cast(chosen)
    except CorruptResultError:
        raise
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise CorruptResultError(f"The stored table is not of the schema that its notes have: {error}.") from error


def _check_written_out(stored: pa.Schema, chosen: pa.Schema) -> None:
    for mine, theirs in zip(stored, chosen, strict=True):
        if sizes.shares(mine.type) and not sizes.shares(theirs.type):
            raise CorruptResultError(
                f"The notes of the stored table have its column {mine.name!r} as {theirs.type}, and it is {mine.type}."
            )


def _described(obj: Any) -> str:
    return f"a {type(obj).__module__}.{type(obj).__qualname__}"


def _module(library: str) -> ModuleType:
    if sys.modules.get(library) is None:
        try:
            import_module(library)  # pandas or polars
        except ImportError as error:
            raise SerializationError(
                f"The stored table is one of {library}, which is not installed here. Install it: pip install {library}"
            ) from error
    if library == "pandas":
        from holdall_arrow import pandas_frames

        return pandas_frames
    from holdall_arrow import polars_frames

    return polars_frames
