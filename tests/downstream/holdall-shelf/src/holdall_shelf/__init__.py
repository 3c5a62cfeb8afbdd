"""A storage in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar
from uuid import uuid4

from holdall.abc import StorageBlock
from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.types import Buffer, ByteRange, ObjectMeta, Parts, WriteMode

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Shelf"]

_E = TypeVar("_E", bound=StorageError)
_PIECE = 4 << 20
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS object (key TEXT PRIMARY KEY, size INTEGER, version TEXT, modified REAL);
CREATE TABLE IF NOT EXISTS piece (version TEXT, start INTEGER, written REAL, data BLOB, PRIMARY KEY (version, start));
"""
_BETWEEN = "SELECT start, data FROM piece WHERE version = ? AND start < ? AND start + length(data) > ? ORDER BY start"
_FORGET = "DELETE FROM piece WHERE version = (SELECT version FROM object WHERE key = ?)"
_UNNAMED = """
SELECT version, sum(length(data)), NULL, max(written) FROM piece
WHERE version NOT IN (SELECT version FROM object) GROUP BY version HAVING max(written) < ?
"""


class Shelf(StorageBlock):
    """Objects in an SQLite file at `path`, which is made on first use; its folder must be there.

    Pieces are written first, each in a transaction of its own, so that a slow writer keeps nobody waiting. The row that
    names their version comes last and makes the object: until then, and where it never comes, nobody sees them.
    """

    slug: ClassVar[str] = "shelf"

    path: str

    @classmethod
    def from_url(cls, url: str, /) -> Self:
        return cls(path=url.partition("://")[2])

    def resolved(self, directory: str, /) -> Self:
        return (
            self if os.path.isabs(self.path) else self.model_copy(update={"path": os.path.join(directory, self.path)})
        )

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        self.check_key(key)  # what this refuses, a run refuses before it begins
        version, size = uuid4().hex, 0
        try:
            for piece in _pieces(parts):
                with self._open("put", key) as database:
                    row = (version, size, time.time(), piece)
                    database.execute("INSERT INTO piece VALUES (?, ?, ?, ?)", row)
                size += len(piece)
            meta = ObjectMeta(key, size, version, time.time())
            self._name(meta, mode)
        except BaseException:
            with self._open("put", key) as database:
                database.execute("DELETE FROM piece WHERE version = ?", [version])
            raise
        return meta

    def _name(self, meta: ObjectMeta, mode: WriteMode) -> None:
        with self._open("put", meta.key) as database:
            if mode == "create" and database.execute("SELECT 1 FROM object WHERE key = ?", [meta.key]).fetchone():
                raise self._error(KeyExists, "put", meta.key, "the key is taken")
            database.execute(_FORGET, [meta.key])
            database.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?)", meta)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        with self._open("get", key) as database:
            meta = self._found(database, "get", key)
            start, stop = byte_range or (0, None)
            stop = meta.size if stop is None else stop
            if not 0 <= start <= meta.size or stop < start:
                raise self._error(StorageError, "get", key, f"bytes {start} to {stop} were asked for, of {meta.size}")
            data, first = bytearray(), None
            for place, piece in database.execute(_BETWEEN, [meta.etag, stop, start]):
                first = place if first is None else first
                data += piece
        del data[: start - (first or 0)]
        del data[stop - start :]
        return data

    def head(self, key: str, /) -> ObjectMeta:
        with self._open("head", key) as database:
            return self._found(database, "head", key)

    def delete(self, key: str, /) -> None:
        with self._open("delete", key) as database:
            database.execute(_FORGET, [key])
            database.execute("DELETE FROM object WHERE key = ?", [key])

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        with self._open("scan", prefix) as database:
            asked = "SELECT * FROM object WHERE substr(key, 1, ?) = ? ORDER BY key"
            found = database.execute(asked, [len(prefix), prefix]).fetchall()
        return map(ObjectMeta._make, found)

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        with self._open("delete", "") as database:
            found = [ObjectMeta._make(row) for row in database.execute(_UNNAMED, [before])]
            if not dry_run:
                database.executemany("DELETE FROM piece WHERE version = ?", [[meta.key] for meta in found])
        return found

    def _found(self, database: sqlite3.Connection, operation: str, key: str) -> ObjectMeta:
        row = database.execute("SELECT * FROM object WHERE key = ?", [key]).fetchone()
        if row is None:
            raise self._error(KeyMissing, operation, key, "nothing is there")
        return ObjectMeta._make(row)

    @contextmanager
    def _open(self, operation: str, key: str) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction; none outlives it, so there is nothing to share with a fork or a thread."""
        try:
            database = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            try:
                database.executescript(_SCHEMA)
                # A transaction that reads first and writes then would fail where another writer comes between.
                database.execute("BEGIN" if operation in {"get", "head", "scan"} else "BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            finally:
                database.close()  # without a commit, it takes all back
        except (sqlite3.Error, UnicodeError) as error:
            raise self._error(StorageError, operation, key, str(error)) from error

    def _error(self, kind: type[_E], operation: str, key: str, why: str) -> _E:
        block = self.block_slug or self.slug
        message = f"{operation} of {key!r} in {block} at {self.path} failed: {why}."
        return kind(message, block=block, key=key, operation=operation)


def _pieces(parts: Parts) -> Iterator[bytes]:
    pending = bytearray()
    for part in parts:
        view = memoryview(part).cast("B")
        for start in range(0, len(view), _PIECE):
            pending += view[start : start + _PIECE]
            if len(pending) >= _PIECE:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)
