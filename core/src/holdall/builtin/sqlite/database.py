"""The file of the SQLite catalog and the connection of this process to it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from errno import EINVAL
from typing import TYPE_CHECKING, Any, Final, TypeVar

from holdall._system import fork
from holdall.builtin.sqlite.errors import explain, is_busy
from holdall.builtin.sqlite.schema import make_file, prepare
from holdall.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

_LOG_SIZE: Final = 32 * 1024 * 1024  # from here on `checkpoint` works; four times as much, and a writer does it itself


class Database:
    """One connection per process behind a lock; opened on first use, after an error, and where the file was replaced.

    Args:
        path: an absolute path.
        synchronous: the `PRAGMA` of that name.
        timeout: seconds to wait for other processes.
        create: whether to make a file where there is none.
    """

    def __init__(self, path: str, /, *, synchronous: str, timeout: float, create: bool) -> None:
        self.path = path
        self.synchronous = synchronous
        self.timeout = timeout
        self.create = create
        self._lock = threading.RLock()
        self._housekeeping = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._identity: tuple[int, int] | None = None
        self._unchecked = 0
        _databases.add(self)

    def run(self, doing: str, work: Callable[[sqlite3.Connection], _T], /, *, absent: _T | None = None) -> _T:
        """Calls `work` alone on the connection; waits for other processes, also where SQLite itself gives up at once.

        `absent` is the answer where there is no file and none may be made; without one that is an error.

        Raises:
            CatalogError: `work` failed. `doing` completes "Cannot …" in its message.
        """
        if absent is not None and self._is_absent():
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
                        raise self.explain(error, doing) from error
            time.sleep(0.001 + time.monotonic_ns() % 9_000 / 1e6)  # 1-10 ms, by a clock that no two callers hit alike

    def select(self, query: str, values: tuple[Any, ...], /) -> list[tuple[Any, ...]]:
        """Returns all rows at once: an open cursor would hold a snapshot, and writes after it would fail as stale."""
        return self.run("look", lambda connection: connection.execute(query, values).fetchall(), absent=[])

    def delete(self, doing: str, query: str, values: tuple[str, ...], /) -> bool:
        """Returns whether the query deleted a row."""
        return self.run(doing, lambda connection: connection.execute(query, values).rowcount, absent=0) > 0

    def explain(self, error: BaseException, doing: str, /) -> CatalogError:
        return explain(error, path=self.path, doing=doing, timeout=self.timeout)

    def limit_log(self, *, every: int = 1) -> None:
        """Moves a log that is far too long into the file; looks at its size once in `every` calls."""
        self._unchecked += 1
        if self._unchecked < every:
            return
        self._unchecked = 0
        if self._log_size() >= 4 * _LOG_SIZE:
            self._checkpoint()

    def checkpoint(self) -> None:
        """Moves a log of 32 MiB or more into the file. Other threads and processes go on writing meanwhile."""
        self._reopen_if_moved()
        if self._log_size() >= _LOG_SIZE:
            self._checkpoint()

    def close(self) -> None:
        """Closes the connection; the last process to do so leaves the file without a log."""
        with self._lock:
            self._drop()

    def _is_absent(self) -> bool:
        return not self.create and not os.path.lexists(self.path)

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
        if self._is_absent():
            raise CatalogError(f"There is no catalog in {self.path} to write to, and create=False makes none.")
        with _making:
            make_file(self.path)
        if not os.path.isfile(self.path):
            raise OSError(EINVAL, "it is a pipe, a socket, a device or a folder, and no file", self.path)
        connection = self._connect(self.timeout)
        try:
            prepare(connection, self.path, synchronous=self.synchronous)
            status = os.stat(self.path)
        except BaseException:
            connection.close()
            raise
        self._identity = (status.st_dev, status.st_ino)
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
        """Drops the connection to a file that was moved away or deleted: rows written to it would be lost in silence."""
        with self._lock:
            if self._connection is None:
                return
            try:
                status = os.stat(self.path)
            except OSError:
                self._drop()
            else:
                if (status.st_dev, status.st_ino) != self._identity:
                    self._drop()

    def _log_size(self) -> int:
        try:
            return os.stat(f"{self.path}-wal").st_size
        except OSError:
            return 0

    def _checkpoint(self) -> None:
        """Works on a connection of its own: writers wait for the last step alone, which is short because little is left."""
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
                raise self.explain(error, "tidy the log") from error
        finally:
            self._housekeeping.release()


@contextmanager
def transaction(connection: sqlite3.Connection, /) -> Iterator[None]:
    """Commits what the block writes, or nothing of it."""
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
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []
_held: list[Database] = []
_making = threading.Lock()  # taken under a database's lock alone, so it is free in a fork too


def _before_fork() -> None:
    for database in list(_databases):
        database._housekeeping.acquire()  # noqa: SLF001 - same module; held over the fork, so no `with`
        database._lock.acquire()  # noqa: SLF001 - same module
        database._drop()  # noqa: SLF001 - same module
        _held.append(database)


def _after_fork() -> None:
    while _held:
        database = _held.pop()
        database._lock.release()  # noqa: SLF001 - same module
        database._housekeeping.release()  # noqa: SLF001 - same module


fork.register(before=_before_fork, in_parent=_after_fork, in_child=_after_fork)
