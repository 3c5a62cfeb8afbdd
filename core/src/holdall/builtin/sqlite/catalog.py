"""The catalog in one SQLite file, for any number of threads and processes of one machine."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from errno import EINVAL
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from holdall._system import fork
from holdall.abc.catalog import Catalog
from holdall.builtin.sqlite.errors import explain, is_busy
from holdall.builtin.sqlite.repoint import RESULTS, repoint
from holdall.builtin.sqlite.schema import make_file, prepare
from holdall.errors import CatalogError, ConfigurationError
from holdall.types import BlockDocument, ReferenceRow, RunRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_T = TypeVar("_T")

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

_LOG_SIZE: Final = 32 * 1024 * 1024  # from here on `checkpoint` works; four times as much, and a writer does it itself
_LOG_CHECK: Final = 512  # references between two looks at the size of the log
_SHORTEST_PREFIX: Final = 4


class SQLiteCatalog(Catalog):
    """A file in write-ahead mode, made with its folders on first use; one connection per process, behind a lock.

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
        self._lock = threading.RLock()
        self._housekeeping = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._identity: tuple[int, int] | None = None
        self._unchecked = 0
        _catalogs.add(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.path, self.synchronous, self.timeout, self.create)

    def add_runs(self, rows: Sequence[RunRow], /) -> None:
        try:
            self._add_runs(rows)
        except UnicodeEncodeError:  # a message may quote bytes that are not text
            self._add_runs([RunRow._make(map(_encodable, row)) for row in rows])
        self._limit_log()

    def _add_runs(self, rows: Sequence[RunRow]) -> None:
        # One comprehension over plain tuples: with 1,000 rows, each further call per row would be seen in the total.
        values = [
            (i, k, n, fn, f or "", p or "", s, m or "", start, end or 0.0, a, r or "", +c)
            for i, k, n, fn, f, p, s, m, start, end, a, r, c in rows
        ]

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.executemany(_ADD_RUN, values)

        self._do(f"record {len(values)} runs", work)

    def add_reference(self, row: ReferenceRow, /) -> None:
        try:
            try:
                self._do("record a result", lambda connection: connection.execute(_ADD_REFERENCE, row))
            except UnicodeEncodeError:  # the name of a task may be no text; a key that is none cannot be told another
                told = row._replace(name=_encodable(row.name))
                self._do("record a result", lambda connection: connection.execute(_ADD_REFERENCE, told))
        except (UnicodeEncodeError, OverflowError) as error:
            raise explain(error, path=self.path, doing=f"record {row.key!r}", timeout=self.timeout) from error
        self._unchecked += 1
        if self._unchecked >= _LOG_CHECK:
            self._limit_log()

    def run(self, run_id: str, /) -> RunRow | None:
        rows = self._select(_RUNS + "WHERE id = ?", (run_id,))
        if not rows and len(run_id) >= _SHORTEST_PREFIX:
            query = _RUNS + "WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 4"
            rows = self._select(query, (run_id, run_id + "\U0010ffff"))
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
        rows = self._select(_RUNS + where + " ORDER BY id DESC LIMIT ?", (*values, limit))
        return [_run_row(row) for row in rows]

    def reference(self, *, key: str | None = None, run_id: str | None = None) -> ReferenceRow | None:
        found = self._references(1, key=key, run_id=run_id)
        return found[0] if found else None

    def references(
        self, *, limit: int = 100, storage: str | None = None, key: str | None = None, name: str | None = None
    ) -> list[ReferenceRow]:
        return self._references(limit, storage=storage, key=key, name=name)

    def _references(self, limit: int, **conditions: str | None) -> list[ReferenceRow]:
        where, values = _where(**conditions)
        query = _REFERENCES + where + " ORDER BY position DESC LIMIT ?"
        return [ReferenceRow._make(row) for row in self._select(query, (*values, limit))]

    def delete_reference(self, storage: str, key: str, /) -> bool:
        query = "DELETE FROM result_references WHERE key = ? AND storage = ?"
        return self._delete("delete a reference", query, (key, storage))

    def repoint(self, moved: Callable[[str], tuple[str, str] | None], /) -> int:
        changes = [(text, *change) for (text,) in self._select(RESULTS, ()) if (change := moved(text)) is not None]

        def work(connection: sqlite3.Connection) -> int:
            with _transaction(connection):
                return repoint(connection, changes)

        return self._do(f"repoint {len(changes)} results", work) if changes else 0

    def save_block(self, document: BlockDocument, /, *, overwrite: bool = False) -> None:
        try:
            fields = json.dumps(dict(document.fields))
        except (TypeError, ValueError) as error:
            raise explain(error, path=self.path, doing=f"save {document.slug!r}", timeout=self.timeout) from error
        values = (document.slug, document.type, fields, document.secrets, document.created)
        query = ("INSERT OR REPLACE" if overwrite else "INSERT OR IGNORE") + _ADD_BLOCK

        def work(connection: sqlite3.Connection) -> int:
            # Nothing but this file has the block, so here a wait for the disk is well spent.
            connection.execute("PRAGMA synchronous = FULL")
            try:
                return connection.execute(query, values).rowcount
            finally:
                connection.execute(f"PRAGMA synchronous = {self.synchronous}")

        if not self._do(f"save the block {document.slug!r}", work):
            raise ConfigurationError(
                f"A block is saved as {document.slug!r} already, in the catalog {self.path}. Save under another name, "
                "or replace it with overwrite=True."
            )

    def block(self, slug: str, /) -> BlockDocument | None:
        rows = self._select(_BLOCKS + "WHERE slug = ?", (slug,))
        return self._document(rows[0]) if rows else None

    def blocks(self) -> list[BlockDocument]:
        return [self._document(row) for row in self._select(_BLOCKS + "ORDER BY slug", ())]

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
        return self._delete("delete a block", query, (slug,))

    def checkpoint(self) -> None:
        """Move a log of 32 MiB or more into the file. Other threads and processes go on writing meanwhile."""
        self._reopen_if_moved()
        if self._log_size() >= _LOG_SIZE:
            self._checkpoint()

    def close(self) -> None:
        """Close the file; the last process to do so leaves it without a log."""
        with self._lock:
            self._drop()

    def _select(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        # All rows at once: a cursor left open would hold a snapshot, and writes after it would fail at once as stale.
        return self._do("look", lambda connection: connection.execute(query, values).fetchall(), absent=[])

    def _delete(self, doing: str, query: str, values: tuple[str, ...]) -> bool:
        return self._do(doing, lambda connection: connection.execute(query, values).rowcount, absent=0) > 0

    def _absent(self) -> bool:
        return not self.create and not os.path.lexists(self.path)

    def _do(self, doing: str, work: Callable[[sqlite3.Connection], _T], *, absent: _T | None = None) -> _T:
        """Run `work` alone on the connection; wait for other processes, also where SQLite itself gives up at once.

        `absent` is the answer where there is no file and none may be made; without one that is an error.
        """
        if absent is not None and self._absent():
            return absent
        deadline = time.monotonic() + self.timeout
        while True:
            with self._lock:
                try:
                    return work(self._connected())
                except (sqlite3.Error, OSError) as error:
                    if isinstance(error, CatalogError):
                        raise
                    if not is_busy(error) or time.monotonic() >= deadline:
                        self._drop()
                        raise explain(error, path=self.path, doing=doing, timeout=self.timeout) from error
            time.sleep(0.001 + time.monotonic_ns() % 9_000 / 1e6)  # 1-10 ms, by a clock that no two callers hit alike

    def _connected(self) -> sqlite3.Connection:
        connection = self._connection
        if connection is None or self._process != os.getpid():
            return self._open()
        self._reopen_if_moved()
        if self._connection is None:
            return self._open()
        if connection.in_transaction:  # a signal's exception came between a BEGIN and its guard
            connection.execute("ROLLBACK")
        return connection

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:  # forked where Python could not see it: closing would undo the parent's locks
            _inherited.append(self._connection)
            self._connection = None
        if self._absent():
            raise CatalogError(f"There is no catalog in {self.path} to write to, and create=False makes none.")
        with _making:
            make_file(self.path)
        if not os.path.isfile(self.path):
            raise OSError(EINVAL, "it is a pipe, a socket, a device or a folder, and no file", self.path)
        connection = self._connect(self.timeout)
        try:
            prepare(connection, self.path, synchronous=self.synchronous)
            found = os.stat(self.path)
        except BaseException:
            connection.close()
            raise
        self._identity = (found.st_dev, found.st_ino)
        self._process = os.getpid()
        self._connection = connection
        return connection

    def _connect(self, timeout: float) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=timeout, isolation_level=None, check_same_thread=False)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what made it unusable has been, or is being, reported
                connection.close()

    def _reopen_if_moved(self) -> None:
        """Rows written to a file that somebody has moved away or deleted would be lost without a word."""
        with self._lock:
            if self._connection is None:
                return
            try:
                found = os.stat(self.path)
            except OSError:
                self._drop()
            else:
                if (found.st_dev, found.st_ino) != self._identity:
                    self._drop()

    def _log_size(self) -> int:
        try:
            return os.stat(f"{self.path}-wal").st_size
        except OSError:
            return 0

    def _limit_log(self) -> None:
        self._unchecked = 0
        if self._log_size() >= 4 * _LOG_SIZE:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """On a connection of its own: writers wait for the last step alone, which is short because little is left."""
        if not self._housekeeping.acquire(blocking=False):
            return
        try:
            connection = self._connect(0.1)
            try:
                busy = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()[0][0]
                if not busy:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            if not is_busy(error):
                raise explain(error, path=self.path, doing="tidy the log", timeout=self.timeout) from error
        finally:
            self._housekeeping.release()


def _rebuild(
    cls: type[SQLiteCatalog],
    path: str,
    synchronous: str,
    timeout: float,
    create: bool = True,  # pickles of before have none
) -> SQLiteCatalog:
    return cls(path, synchronous=synchronous, timeout=timeout, create=create)


def _where(**conditions: str | None) -> tuple[str, tuple[str, ...]]:
    given = {column: value for column, value in conditions.items() if value is not None}
    return f"WHERE {' AND '.join(f'{column} = ?' for column in given)}" if given else "", tuple(given.values())


def _run_row(row: tuple[Any, ...]) -> RunRow:
    return RunRow._make((*row[:-1], bool(row[-1])))


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


# SQLite keeps one account of its locks per file and process. A forked child inherits the account without the locks, and
# every connection that it opens trusts it: others would truncate the log under its feet. So nothing is open in a fork.
_catalogs: weakref.WeakSet[SQLiteCatalog] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []
_held: list[SQLiteCatalog] = []
_making = threading.Lock()  # taken under a catalog's lock alone, so it is free in a fork too


def _before_fork() -> None:
    for catalog in list(_catalogs):
        catalog._housekeeping.acquire()  # noqa: SLF001 - same module; held over the fork, so no `with`
        catalog._lock.acquire()  # noqa: SLF001 - same module
        catalog._drop()  # noqa: SLF001 - same module
        _held.append(catalog)


def _after_fork() -> None:
    while _held:
        catalog = _held.pop()
        catalog._lock.release()  # noqa: SLF001 - same module
        catalog._housekeeping.release()  # noqa: SLF001 - same module


fork.register(before=_before_fork, in_parent=_after_fork, in_child=_after_fork)
