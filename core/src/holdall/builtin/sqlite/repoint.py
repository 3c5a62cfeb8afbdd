"""Update of the SQLite catalog after results have been moved to another storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

RESULTS: Final = "SELECT reference FROM result_references UNION SELECT result FROM runs WHERE result IS NOT NULL"
"""Selects each JSON of a result once."""

_REFERENCES: Final = (
    "UPDATE OR REPLACE result_references SET (storage, reference) = (SELECT storage, reference FROM moved "
    "WHERE old = result_references.reference) WHERE reference IN (SELECT old FROM moved)"
)
_RUNS: Final = (
    "UPDATE runs SET result = (SELECT reference FROM moved WHERE old = result) WHERE result IN (SELECT old FROM moved)"
)


def repoint(connection: sqlite3.Connection, changes: Sequence[tuple[str, str, str]], /) -> int:
    """Updates, inside a transaction, rows by old JSON, storage and new JSON; returns the number of rows changed."""
    # By way of a table: no index leads from such a JSON to its rows, so all rows are gone through once, not per change.
    connection.execute("CREATE TEMP TABLE moved (old TEXT PRIMARY KEY, storage TEXT, reference TEXT)")
    connection.executemany("INSERT INTO moved VALUES (?, ?, ?)", changes)
    changed = connection.execute(_REFERENCES).rowcount + connection.execute(_RUNS).rowcount
    connection.execute("DROP TABLE moved")
    return changed
