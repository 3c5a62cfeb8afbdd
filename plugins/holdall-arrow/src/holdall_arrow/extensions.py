"""Checks of extension types in a file: pyarrow calls the class that is registered for one when it reads the schema."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.ipc

from holdall.errors import CorruptResultError, UntrustedResultError
from holdall.types import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer, Trust

KNOWN: Final = frozenset(
    {
        "arrow.bool8",
        "arrow.fixed_shape_tensor",
        "arrow.json",
        "arrow.opaque",
        "arrow.parquet.variant",
        "arrow.uuid",
        "arrow.variable_shape_tensor",
        "pandas.interval",
        "pandas.period",
    }
)
"""Extension types of Arrow and pandas themselves."""
_KEY: Final = b"ARROW:extension:name"
_MASKED: Final = b"ARROW:extension:nam_"
"""Replacement of the same length, with which a schema is read without a look at registered types."""
_TAIL: Final = 10
_MAGIC: Final = b"ARROW1"
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")


def _in_base64(text: bytes) -> tuple[bytes, ...]:
    """Returns the base64 of a text at each of its three offsets, without the digits that neighbours share."""
    found = []
    for before in range(3):
        whole = b64encode(bytes(before) + text).rstrip(b"=")
        start = -(-before * 8 // 6)
        found.append(whole[start : (before + len(text)) * 8 // 6])
    return tuple(found)


_MARKS: Final = _in_base64(_KEY)


def check(between: Callable[[int, int], Buffer], size: int, trust: Trust, /, *, parquet: bool) -> None:
    """Checks the footer of a file before pyarrow reads it.

    Raises:
        UntrustedResultError: it names an extension type that the reader has not accepted.
        CorruptResultError: it names one in a place where no writer does.
    """
    # The footer, its length in four bytes, and the magic: PAR1, or ARROW1.
    end = size - (8 if parquet else _TAIL)
    if end < 0:
        return  # which pyarrow reports itself
    length = int.from_bytes(bytes(between(end, end + 4)), "little")
    footer = bytes(between(max(end - length, 0), end))
    if parquet:
        for text in _BASE64.findall(footer):
            if any(mark in text for mark in _MARKS):
                check_schema(_decoded(text), trust)
    elif _KEY in footer:
        masked = footer.replace(_KEY, _MASKED)
        file = _MAGIC + b"\0\0" + masked + len(masked).to_bytes(4, "little") + _MAGIC
        _check(pa.ipc.open_file(pa.py_buffer(file)).schema, footer.count(_KEY), trust)


def _decoded(text: bytes) -> bytes:
    whole = text.rstrip(b"=")
    return b64decode(whole + b"=" * (-len(whole) % 4))


def check_schema(message: bytes, trust: Trust, /) -> None:
    """Checks a schema that `pyarrow.Schema.serialize` wrote; raises as `check`."""
    if _KEY in message:
        _check(pa.ipc.read_schema(pa.py_buffer(message.replace(_KEY, _MASKED))), message.count(_KEY), trust)


def _check(masked: pa.Schema, count: int, trust: Trust) -> None:
    names = [name for field in masked for name in _names(field, _MASKED)]
    if len(names) != count:
        raise CorruptResultError("The stored table names extension types in places where no writer does.")
    for name in names:
        if name not in KNOWN and CALLS + name not in trust.accept:
            raise UntrustedResultError(
                f"The stored table has the extension type {name!r}, and pyarrow would call the class that is registered for it. "
                "Nothing is called because stored data names it. If you trust that class with this data, read with "
                f"accept=[{CALLS + name!r}]."
            )


def unknown(field: pa.Field, /) -> str | None:
    """Returns the name of an extension type in a field that readers do not accept by default; None if there is none."""
    return next((name for name in _names(field, _KEY) if name not in KNOWN), None)


def _names(field: pa.Field, key: bytes) -> Iterator[str]:
    metadata: dict[bytes, bytes] = field.metadata or {}
    if key in metadata:
        yield metadata[key].decode("utf-8", "backslashreplace")
    kind: Any = field.type
    if isinstance(kind, pa.BaseExtensionType):
        yield kind.extension_name
        kind = kind.storage_type
    for number in range(kind.num_fields):
        yield from _names(kind.field(number), key)
