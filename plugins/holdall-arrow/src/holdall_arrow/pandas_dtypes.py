"""Checks of types in the metadata of pandas: one that a library has registered is code of that library."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import CorruptResultError, UntrustedResultError
from holdall.types import CALLS

if TYPE_CHECKING:
    import pyarrow as pa

    from holdall.types import Trust

_KNOWN: Final = re.compile(
    r"(?:u?int|U?Int|float|Float|complex)\d+|bool|boolean|object|str|string|bytes|unicode|category|empty|date|time|decimal"
    r"|(?:[<>=|]?[biufcmMOSUV]\d*)|(?:datetime64|timedelta64|period|interval|string|Sparse)(?:\[[^\]]*\])?|.*\[pyarrow\]",
    re.DOTALL,
)
"""Types of NumPy, pandas and Arrow."""


def unknown(table: pa.Table, /) -> tuple[str, str] | None:
    """Returns the first column with another type, and that type; None if there is none.

    Raises:
        CorruptResultError: the metadata is none that pandas writes.
    """
    said: Any = table.schema.pandas_metadata or {}
    for part in ("columns", "column_indexes"):
        columns = said.get(part, []) if isinstance(said, dict) else None
        if not isinstance(columns, list):
            raise CorruptResultError("The metadata of pandas in the stored table is none that pandas writes.")
        for column in columns:
            found = column.get("numpy_type") if isinstance(column, dict) else None
            if type(found) is not str:
                raise CorruptResultError("The metadata of pandas in the stored table is none that pandas writes.")
            if _KNOWN.fullmatch(found) is None:
                return str(column.get("name")), found
    return None


def check(table: pa.Table, trust: Trust, /) -> None:
    """Raises `UntrustedResultError` if a column is of a type that the reader has not accepted."""
    found = unknown(table)
    if found is not None and CALLS + found[1] not in trust.accept:
        raise UntrustedResultError(
            f"The column {found[0]!r:.60} of the stored table is of the type {found[1]!r:.60}, which is none of pandas, and "
            "the library that has registered it would be called. Nothing is called because stored data names it. If you "
            f"trust it with this data, read with accept=[{CALLS + found[1]!r}]."
        )
