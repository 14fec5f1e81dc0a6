"""The schema of the emulator's state file and its migrations."""

from __future__ import annotations

import sqlite3

VERSION = 1
"""Schema version, stored in SQLite's `user_version`. 0 is a new file, or one from before there were fleets."""

_TABLES = {
    "images": """(
  cluster TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
  language_version TEXT, base_image TEXT, requirements TEXT, PRIMARY KEY (cluster, key)) STRICT""",
    "operations": """(
  cluster TEXT NOT NULL, id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, activity TEXT NOT NULL,
  started INTEGER NOT NULL, ends INTEGER NOT NULL, status TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
  verdict TEXT) STRICT""",
    "extensions": """(
  cluster TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cluster, key)) STRICT""",
}
"""Columns of the tables in version 1; version 0 has the same without the first, the cluster's key."""

_REST = (
    "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE INDEX running ON operations (cluster) WHERE status = 'Running'",
)


def migrate(database: sqlite3.Connection, first_cluster: str) -> None:
    """Create the tables of a new file or migrate those of an older one; must be called inside a transaction.

    The rows of an older file are assigned to `first_cluster`, a key. Raises sqlite3.DatabaseError if the file was
    written by a newer version.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise sqlite3.DatabaseError(
            f"it was written by a newer kusto_magic (schema version {version}; this one supports {VERSION})"
        )
    if version == VERSION:
        return
    existing = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns in _TABLES.items():
        _make(database, table, columns, first_cluster if table in existing else None)
    for statement in _REST:
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")


def _make(database: sqlite3.Connection, table: str, columns: str, owner: str | None) -> None:
    """Create a table; with `owner`, from the old table of the same name, whose rows are assigned to that cluster."""
    if owner is not None:  # SQLite cannot add a column to a primary key
        database.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    database.execute(f"CREATE TABLE {table} {columns}")
    if owner is not None:
        database.execute(f"INSERT INTO {table} SELECT ?, * FROM old_{table}", (owner,))  # noqa: S608 - constant names
        database.execute(f"DROP TABLE old_{table}")
