"""The catalog in one SQLite file, for any number of threads and processes of one machine: its rows and queries."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from holdall.abc.catalog import Catalog
from holdall.builtin.sqlite.database import Database, transaction
from holdall.builtin.sqlite.repoint import RESULTS, repoint
from holdall.errors import CatalogError, ConfigurationError
from holdall.types import BlockDocument, ReferenceRow, RunRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence


_RUNS: Final = (
    "SELECT id, kind, name, function, flow_run_id, parent_run_id, state, message, started, ended, attempts, result, "
    "cached FROM runs "
)
_REFERENCES: Final = "SELECT storage, key, reference, run_id, name, size, created, expires FROM result_references "
_BLOCKS: Final = "SELECT slug, type, fields, secrets, created FROM blocks "
# Binding None takes sqlite3 through its adapters, 0.3 µs a value; an empty string or 0.0 that becomes NULL does not.
_ADD_RUN: Final = (
    "INSERT OR REPLACE INTO runs (id, kind, name, function, flow_run_id, parent_run_id, state, message, started, "
    "ended, attempts, result, cached) "
    "VALUES (?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?, nullif(?, ''), ?, nullif(?, 0.0), ?, nullif(?, ''), ?)"
)
_ADD_REFERENCE: Final = (
    "INSERT OR REPLACE INTO result_references (storage, key, reference, run_id, name, size, created, expires) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_BLOCK: Final = " INTO blocks (slug, type, fields, secrets, created) VALUES (?, ?, ?, ?, ?)"

_LOG_CHECK: Final = 512  # references between two looks at the size of the log
_SHORTEST_PREFIX: Final = 4


class SQLiteCatalog(Catalog):
    """Catalog in a file in write-ahead mode, made with its folders on first use; one connection per process, behind a lock.

    What a method wrote survives SIGKILL when it returns, and power loss with `synchronous="FULL"` (saved blocks do in
    any case). `timeout` is in seconds: how long to wait for other processes. After an error, and after `close`, the
    next call opens the file anew. With `create=False` no file is made: where there is none, reads find nothing,
    there is nothing to delete, and every other write raises CatalogError.
    """

    slug: ClassVar[str] = "sqlite"

    @classmethod
    def open(cls, home: str, /, *, patience: float, create: bool = True) -> Self:
        return cls(cls.file_in(home), timeout=patience, create=create)

    @classmethod
    def file_in(cls, home: str, /) -> str:
        return os.path.join(home, "catalog.db")

    def __init__(self, path: str, *, synchronous: str = "NORMAL", timeout: float = 30.0, create: bool = True) -> None:
        self.path = os.path.abspath(path)
        self.synchronous = synchronous.upper()
        self.timeout = timeout
        self.create = create
        if self.synchronous not in {"OFF", "NORMAL", "FULL", "EXTRA"}:
            raise ConfigurationError(f"synchronous={synchronous!r}: use OFF, NORMAL, FULL or EXTRA.")
        self._file = Database(self.path, synchronous=self.synchronous, timeout=timeout, create=create)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.path, self.synchronous, self.timeout, self.create)

    def add_runs(self, rows: Sequence[RunRow], /) -> None:
        try:
            self._add_runs(rows)
        except UnicodeEncodeError:  # a message may quote bytes that are not text
            self._add_runs([RunRow._make(map(_encodable, row)) for row in rows])
        self._file.limit_log()

    def _add_runs(self, rows: Sequence[RunRow]) -> None:
        # One comprehension over plain tuples: with 1,000 rows, each further call per row would be seen in the total.
        values = [
            (i, k, n, fn, f or "", p or "", s, m or "", start, end or 0.0, a, r or "", +c)
            for i, k, n, fn, f, p, s, m, start, end, a, r, c in rows
        ]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(_ADD_RUN, values)

        self._file.run(f"record {len(values)} runs", work)

    def add_reference(self, row: ReferenceRow, /) -> None:
        try:
            try:
                self._file.run("record a result", lambda connection: connection.execute(_ADD_REFERENCE, row))
            except UnicodeEncodeError:  # the name of a task may be no text; a key that is none cannot be altered
                encodable = row._replace(name=_encodable(row.name))
                self._file.run("record a result", lambda connection: connection.execute(_ADD_REFERENCE, encodable))
        except (UnicodeEncodeError, OverflowError) as error:
            raise self._file.explain(error, f"record {row.key!r}") from error
        self._file.limit_log(every=_LOG_CHECK)

    def run(self, run_id: str, /) -> RunRow | None:
        rows = self._file.select(_RUNS + "WHERE id = ?", (run_id,))
        if not rows and len(run_id) >= _SHORTEST_PREFIX:
            query = _RUNS + "WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 4"
            rows = self._file.select(query, (run_id, run_id + "\U0010ffff"))
        if len(rows) > 1:
            some = ", ".join(row[0] for row in rows[:3])
            raise CatalogError(
                f"Several runs in the catalog {self.path} begin with {run_id!r}: {some}{', …' if rows[3:] else ''}. "
                "Give more characters of the one that you mean."
            )
        return _run_row(rows[0]) if rows else None

    def runs(
        self,
        *,
        limit: int = 100,
        kind: str | None = None,
        flow_run_id: str | None = None,
        parent_run_id: str | None = None,
        name: str | None = None,
    ) -> list[RunRow]:
        where, values = _where(kind=kind, flow_run_id=flow_run_id, parent_run_id=parent_run_id, name=name)
        rows = self._file.select(_RUNS + where + " ORDER BY id DESC LIMIT ?", (*values, limit))
        return [_run_row(row) for row in rows]

    def reference(self, *, key: str | None = None, run_id: str | None = None) -> ReferenceRow | None:
        rows = self._references(1, key=key, run_id=run_id)
        return rows[0] if rows else None

    def references(
        self, *, limit: int = 100, storage: str | None = None, key: str | None = None, name: str | None = None
    ) -> list[ReferenceRow]:
        return self._references(limit, storage=storage, key=key, name=name)

    def _references(self, limit: int, **conditions: str | None) -> list[ReferenceRow]:
        where, values = _where(**conditions)
        query = _REFERENCES + where + " ORDER BY position DESC LIMIT ?"
        return [ReferenceRow._make(row) for row in self._file.select(query, (*values, limit))]

    def delete_reference(self, storage: str, key: str, /) -> bool:
        query = "DELETE FROM result_references WHERE key = ? AND storage = ?"
        return self._file.delete("delete a reference", query, (key, storage))

    def repoint(self, moved: Callable[[str], tuple[str, str] | None], /) -> int:
        changes = [(text, *change) for (text,) in self._file.select(RESULTS, ()) if (change := moved(text)) is not None]

        def work(connection: sqlite3.Connection) -> int:
            with transaction(connection):
                return repoint(connection, changes)

        return self._file.run(f"repoint {len(changes)} results", work) if changes else 0

    def save_block(self, document: BlockDocument, /, *, overwrite: bool = False) -> None:
        try:
            fields = json.dumps(dict(document.fields))
        except (TypeError, ValueError) as error:
            raise self._file.explain(error, f"save {document.slug!r}") from error
        values = (document.slug, document.type, fields, document.secrets, document.created)
        query = ("INSERT OR REPLACE" if overwrite else "INSERT OR IGNORE") + _ADD_BLOCK

        def work(connection: sqlite3.Connection) -> int:
            # Nothing but this file has the block, so here a wait for the disk is well spent.
            connection.execute("PRAGMA synchronous = FULL")
            try:
                return connection.execute(query, values).rowcount
            finally:
                connection.execute(f"PRAGMA synchronous = {self.synchronous}")

        if not self._file.run(f"save the block {document.slug!r}", work):
            raise ConfigurationError(
                f"A block is saved as {document.slug!r} already, in the catalog {self.path}. Save under another name, "
                "or replace it with overwrite=True."
            )

    def block(self, slug: str, /) -> BlockDocument | None:
        rows = self._file.select(_BLOCKS + "WHERE slug = ?", (slug,))
        return self._document(rows[0]) if rows else None

    def blocks(self) -> list[BlockDocument]:
        return [self._document(row) for row in self._file.select(_BLOCKS + "ORDER BY slug", ())]

    def _document(self, row: tuple[Any, ...]) -> BlockDocument:
        slug, kind, fields, secrets, created = row
        try:
            return BlockDocument(slug=slug, type=kind, fields=json.loads(fields), secrets=secrets, created=created)
        except ValueError as error:
            raise CatalogError(
                f"The block {slug!r} in the catalog {self.path} is not readable ({error}). Save it again with "
                "overwrite=True."
            ) from error

    def delete_block(self, slug: str, /) -> bool:
        query = "DELETE FROM blocks WHERE slug = ?"
        return self._file.delete("delete a block", query, (slug,))

    def checkpoint(self) -> None:
        self._file.checkpoint()

    def close(self) -> None:
        self._file.close()


# Pickles of before have no `create`.
def _rebuild(cls: type[SQLiteCatalog], path: str, synchronous: str, timeout: float, create: bool = True) -> Catalog:
    return cls(path, synchronous=synchronous, timeout=timeout, create=create)


def _where(**conditions: str | None) -> tuple[str, tuple[str, ...]]:
    given = {column: value for column, value in conditions.items() if value is not None}
    return f"WHERE {' AND '.join(f'{column} = ?' for column in given)}" if given else "", tuple(given.values())


def _run_row(row: tuple[Any, ...]) -> RunRow:
    return RunRow._make((*row[:-1], bool(row[-1])))


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
