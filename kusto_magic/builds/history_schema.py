"""SQLite file of the history: opening, migration and replacement."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kusto_magic.builds.record import COLUMNS

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID = 0x4B75496D
"""SQLite's `application_id` of the file: "KuIm" in ASCII."""

SCHEMA_VERSION = 6
"""SQLite's `user_version` of a file with the current schema."""

# Existing files have this schema, so it is never edited; later ones rename its columns.
_SCHEMA = """
CREATE TABLE builds (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL,
  subscription TEXT NOT NULL, resource_group TEXT NOT NULL, cluster TEXT NOT NULL, endpoint TEXT NOT NULL,
  scope TEXT NOT NULL, image TEXT NOT NULL COLLATE NOCASE, action TEXT NOT NULL, base_image TEXT, python_version TEXT,
  requirements TEXT NOT NULL, started_at TEXT NOT NULL, operation_url TEXT NOT NULL, state TEXT NOT NULL,
  message TEXT NOT NULL, heard_at TEXT, ended_at TEXT, seconds REAL
);
CREATE INDEX by_image ON builds (image);
CREATE INDEX by_place ON builds (place);
"""

_SECOND_SCHEMA = """
ALTER TABLE builds ADD COLUMN fleet TEXT NOT NULL DEFAULT '';
ALTER TABLE builds ADD COLUMN how TEXT NOT NULL DEFAULT '';
CREATE INDEX by_fleet ON builds (fleet) WHERE fleet <> '';
CREATE INDEX by_place_learnt ON builds (place) WHERE action = 'build' AND state = 'Succeeded' AND seconds > 0;
CREATE INDEX by_endpoint_learnt ON builds (endpoint) WHERE action = 'build' AND state = 'Succeeded' AND seconds > 0;
"""

_THIRD_SCHEMA = """
ALTER TABLE builds RENAME COLUMN heard_at TO last_response_at;
ALTER TABLE builds RENAME COLUMN how TO options;
UPDATE builds SET state = 'Queued' WHERE state = 'Waiting';
UPDATE builds SET state = 'Submitting' WHERE state = 'Sending';
UPDATE builds SET state = 'Not submitted' WHERE state = 'Not sent';
UPDATE builds SET state = 'Rejected' WHERE state = 'Refused';
UPDATE builds SET options = replace(options, 'spare_active', 'protect_active');
"""
_FOURTH_SCHEMA = """
ALTER TABLE builds ADD COLUMN owner TEXT NOT NULL DEFAULT '';
"""
_FIFTH_SCHEMA = """
UPDATE builds SET state = 'Deleted' WHERE state = 'Succeeded' AND action = 'delete';
UPDATE builds SET state = 'Enabled' WHERE state = 'Succeeded' AND action = 'enable';
UPDATE builds SET state = 'Disabled' WHERE state = 'Succeeded' AND action = 'disable';
UPDATE builds SET options =
  '{"check":' || CASE WHEN instr(options, 'check') THEN 'true' ELSE 'false' END
  || ',"pin":' || CASE WHEN instr(options, 'pin') THEN 'true' ELSE 'false' END
  || ',"force":' || CASE WHEN instr(options, 'force') THEN 'true' ELSE 'false' END
  || ',"queue":' || CASE WHEN instr(options, 'queue') THEN 'true' ELSE 'false' END
  || ',"protect_active":' || CASE WHEN instr(options, 'protect_active') THEN 'true' ELSE 'false' END || '}';
"""
_SIXTH_SCHEMA = """
ALTER TABLE builds ADD COLUMN hint TEXT;
ALTER TABLE builds ADD COLUMN report TEXT;
"""
_MIGRATIONS = (_SCHEMA, _SECOND_SCHEMA, _THIRD_SCHEMA, _FOURTH_SCHEMA, _FIFTH_SCHEMA, _SIXTH_SCHEMA)
"""Statements that migrate a file to each version from the one before; an empty file has version 0."""

_DAMAGED = frozenset({1, 11, 24, 26})
"""SQLite result codes of a damaged file: ERROR (a different schema), CORRUPT, FORMAT, NOTADB."""

_IO_ERROR = 10
"""SQLite result code of a failure of the system to read or write."""

_BUSY = frozenset({5, 6})
"""SQLite result codes of a lock: BUSY (another process), LOCKED (another connection of this process)."""


def default_path(environ: Mapping[str, str]) -> Path:
    """Return the path of the history: in KUSTO_MAGIC_HOME, or else in the user's data folder of the platform."""
    if home := environ.get("KUSTO_MAGIC_HOME"):
        return Path(home).expanduser() / "history.sqlite"
    import platformdirs

    return platformdirs.user_data_path("kusto-magic", appauthor=False) / "history.sqlite"


def connect(path: Path | str, timeout: float) -> sqlite3.Connection:
    """Open a history database, creating or migrating the schema. Raises sqlite3.DatabaseError.

    `timeout` is how many seconds to wait for the lock of another process.
    """
    # SQLite's default journal, not a write-ahead log: home folders may be on a network drive, where that fails.
    # The default synchronous=FULL is kept too: committed data survives a crash of the process or the machine.
    import sqlite3

    # The lock of `History` serializes the threads.
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        # Views and triggers of a foreign file must not call functions.
        connection.execute("PRAGMA trusted_schema = OFF")
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            _check_and_migrate(cursor)
            cursor.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_and_migrate(cursor: sqlite3.Cursor) -> None:
    """Check that the database is a valid history; create the schema of an empty one and migrate an older one."""
    import sqlite3

    marks = (_value(cursor, "PRAGMA application_id"), _value(cursor, "PRAGMA user_version"))
    is_empty = marks == (0, 0) and not _value(cursor, "SELECT count(*) FROM sqlite_master")
    is_ours = marks[0] == APPLICATION_ID and marks[1] in range(1, SCHEMA_VERSION + 1)
    if not is_empty and not (is_ours and _value(cursor, "PRAGMA quick_check(1)") == "ok"):
        damage = sqlite3.DatabaseError("the file is damaged or belongs to another program")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # so that `is_damaged` recognizes it
        raise damage
    if marks[1] != SCHEMA_VERSION:
        for statement in ";".join(_MIGRATIONS[int(str(marks[1])) :]).split(";"):  # executescript would commit first
            cursor.execute(statement)
        cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # a PRAGMA takes no parameters
        cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    # Fails if a column is missing, which the checks above do not detect.
    cursor.execute(f"SELECT place, {COLUMNS} FROM builds LIMIT 0")  # noqa: S608


def _value(cursor: sqlite3.Cursor, query: str) -> object:
    row = cursor.execute(query).fetchone()
    return row[0] if row else None


def is_damaged(error: sqlite3.DatabaseError) -> bool:
    """Return whether an error means that the file is damaged or has a different schema."""
    # The low byte is the primary result code; extended codes use the bits above it.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _DAMAGED


def keep_inherited(connection: sqlite3.Connection | None) -> None:
    """Keep a connection of the parent process for ever: a forked child must neither use nor close it."""
    if connection is not None:
        # Not only kept in a list: at the end of the child, the interpreter would delete what modules hold. That would
        # roll back a transaction of the parent.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def is_busy(error: sqlite3.DatabaseError) -> bool:
    """Return whether another connection holds the lock."""
    return _primary_code(error) in _BUSY


def is_io_error(error: sqlite3.DatabaseError) -> bool:
    """Return whether the system refused to read or write: often only while another process removes its journal."""
    return _primary_code(error) == _IO_ERROR


def _primary_code(error: sqlite3.DatabaseError) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def set_aside(path: Path) -> Path:
    """Rename the file and return its new path. Raises OSError."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    # The journal files first: SQLite would replay them into a new file with the old name.
    for suffix in ("-journal", "-wal", "-shm", ""):
        with suppress(FileNotFoundError):  # most files have no journal
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
