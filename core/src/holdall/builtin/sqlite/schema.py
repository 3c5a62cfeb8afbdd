"""Schema of the SQLite catalog: the file, the tables, and migrations."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from typing import Final, NamedTuple

from holdall.errors import CatalogError

# Stands in the header of every file that we make, so that no other program's database is taken for a catalog.
APPLICATION_ID: Final = 0x48_44_4C_31

# Half of SQLite's default: each reference touches four pages, and each page it touches is copied into the log.
PAGE_SIZE: Final = 2048


class Migration(NamedTuple):
    """Statements from one schema version to the next. `since` is the first holdall release that reads the outcome."""

    since: str
    statements: tuple[str, ...]


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(
        since="0.1",
        statements=(
            "CREATE TABLE migrations (version INTEGER PRIMARY KEY, since TEXT NOT NULL, applied REAL NOT NULL)",
            # Ids are in order of time: the table itself is the index that lists the newest first.
            """CREATE TABLE runs (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, function TEXT NOT NULL, flow_run_id TEXT,
                parent_run_id TEXT, state TEXT NOT NULL, message TEXT, started REAL NOT NULL, ended REAL,
                attempts INTEGER NOT NULL, result TEXT, cached INTEGER NOT NULL
            ) WITHOUT ROWID""",
            "CREATE INDEX runs_by_flow ON runs (flow_run_id) WHERE flow_run_id IS NOT NULL",
            # `position` grows with each insertion, so a replaced reference becomes the newest.
            """CREATE TABLE result_references (
                position INTEGER PRIMARY KEY, storage TEXT NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL,
                run_id TEXT, name TEXT, size INTEGER NOT NULL, created REAL NOT NULL, expires REAL
            )""",
            "CREATE UNIQUE INDEX references_by_key ON result_references (key, storage)",
            "CREATE INDEX references_by_run ON result_references (run_id) WHERE run_id IS NOT NULL",
            """CREATE TABLE blocks (
                slug TEXT PRIMARY KEY, type TEXT NOT NULL, fields TEXT NOT NULL, secrets TEXT, created REAL NOT NULL
            ) WITHOUT ROWID""",
        ),
    ),
)
SCHEMA_VERSION: Final = len(MIGRATIONS)


def make_file(path: str, /) -> None:
    """Makes the folders and the file for their owner alone. SQLite gives the log the file's permissions."""
    if os.path.lexists(path):
        return
    missing = []
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    # Only ever a new file, and under a lock: closing a descriptor of one in use releases this process's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def prepare(connection: sqlite3.Connection, path: str, /, *, synchronous: str) -> None:
    """Brings the file behind a new connection to the present schema, and sets what applies per connection.

    Several processes may do this to one new file at once: the first makes the tables, the others wait for it.

    Raises:
        CatalogError: the file is of a newer holdall, or of another program.
        sqlite3.Error: anything else.
    """
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application != APPLICATION_ID:
        _claim(connection, path, application)
        version = 0
    if version > SCHEMA_VERSION:
        raise CatalogError(_newer(connection, path, version))
    if version < SCHEMA_VERSION:
        _migrate(connection)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # Checkpoints wait for the disk, and SQLite would do them inside whichever commit is the thousandth.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA cache_size = -16000")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchall()[0][0])


def _claim(connection: sqlite3.Connection, path: str, application: int) -> None:
    if application or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        # Another process may have made the tables since the identity was read.
        if _pragma(connection, "application_id") == APPLICATION_ID:
            return
        raise CatalogError(
            f"{path} is an SQLite database of another program, not a holdall catalog; it was left alone. Move it, or "
            "point HOLDALL_HOME to a folder of holdall's own."
        )
    # Nothing is in the file that a power loss could take, so making it need not wait for the disk.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = _pragma(connection, "user_version")  # another process may have been here first
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, migration.since, time.time()))
        if version < SCHEMA_VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _newer(connection: sqlite3.Connection, path: str, version: int) -> str:
    try:
        rows = connection.execute("SELECT since FROM migrations ORDER BY version DESC LIMIT 1").fetchall()
    except sqlite3.Error:
        rows = []
    release = f"holdall {rows[0][0]} or later" if rows else "a later holdall"
    wanted = f'"holdall>={rows[0][0]}"' if rows else "--upgrade holdall"
    return (
        f"The catalog {path} was written by {release} (schema {version}); this holdall reads up to schema "
        f"{SCHEMA_VERSION}. It was left as it is: `pip install {wanted}`, or give this one a HOLDALL_HOME of its own."
    )
