"""The tables of the emulator's state file, their version, and the way of an older file to it."""

from __future__ import annotations

import sqlite3

VERSION = 1
"""In SQLite's `user_version`. 0 is a new file, or one of the time when there was one cluster only."""

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
"""Each table of version 1 is that of version 0 with the cluster's key in front."""

_REST = (
    "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE INDEX running ON operations (cluster) WHERE status = 'Running'",
)


def migrate(database: sqlite3.Connection, first_cluster: str) -> None:
    """Give a new file its tables and bring an older one to them; to be called inside a transaction.

    What an older file holds belongs to `first_cluster`, a key. Raises sqlite3.DatabaseError for the file of a newer
    version.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, made by a newer kusto_magic; this one knows {VERSION}")
    if version == VERSION:
        return
    there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns in _TABLES.items():
        _make(database, table, columns, first_cluster if table in there else None)
    for statement in _REST:
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")


def _make(database: sqlite3.Connection, table: str, columns: str, owner: str | None) -> None:
    """Make a table; where `owner` is given, out of the old one of the same name, whose rows become the owner's."""
    if owner is not None:
        database.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    database.execute(f"CREATE TABLE {table} {columns}")
    if owner is not None:
        database.execute(f"INSERT INTO {table} SELECT ?, * FROM old_{table}", (owner,))  # noqa: S608 - names of ours
        database.execute(f"DROP TABLE old_{table}")
