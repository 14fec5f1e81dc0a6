"""The emulator's memory: one SQLite file with images, operations and language extensions."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
  key TEXT PRIMARY KEY, name TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
  language_version TEXT, base_image TEXT, requirements TEXT) STRICT;
CREATE TABLE IF NOT EXISTS operations (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, activity TEXT NOT NULL, started INTEGER NOT NULL,
  ends INTEGER NOT NULL, status TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, verdict TEXT) STRICT;
CREATE TABLE IF NOT EXISTS extensions (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A custom image. `state` is its provisioningState; what was not given is None."""

    name: str
    language: str
    state: str
    language_version: str | None = None
    base_image: str | None = None
    requirements: str | None = None

    @property
    def key(self) -> str:
        """The name as ARM compares it."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One change of the cluster. Times are ticks of 100 ns.

    `subject` is the key of the image, or the JSON of a change of extensions. `ends` is when it ends, or has ended.
    `verdict` is what the resolver said of a build: None = not yet, "" = nothing against it, else the reason.
    """

    id: str
    kind: str
    subject: str
    activity: str
    started: int
    ends: int
    status: str = "Running"
    code: str = ""
    message: str = ""
    verdict: str | None = None


class Store:
    """The rows, kept in `path`, or in memory when it is None.

    May be used from several threads: whatever belongs together is done inside one `transaction()`.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._db.close)  # an app in a test is dropped, not shut down
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of the block, or nothing of it; nobody else reads or writes meanwhile. Not to be nested."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def images(self) -> list[ImageRow]:
        """Return all images, by name."""
        columns = "name, language, state, language_version, base_image, requirements"
        return [ImageRow(*row) for row in self._rows(f"SELECT {columns} FROM images ORDER BY key")]  # noqa: S608

    def image(self, name: str) -> ImageRow | None:
        """Return the image called `name` in any case, or None."""
        return next((image for image in self.images() if image.key == name.casefold()), None)

    def put_image(self, image: ImageRow) -> None:
        """Write an image over the one of the same name."""
        self._rows("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", image.key, *astuple(image))

    def drop_image(self, key: str) -> None:
        """Forget an image."""
        self._rows("DELETE FROM images WHERE key = ?", key)

    def operation(self, operation_id: str) -> OperationRow | None:
        """Return one operation, or None."""
        rows = self._rows("SELECT * FROM operations WHERE id = ?", operation_id.lower())
        return OperationRow(*rows[0]) if rows else None

    def running(self) -> OperationRow | None:
        """Return the change of the cluster that runs; there is at most one."""
        rows = self._rows("SELECT * FROM operations WHERE status = 'Running'")
        return OperationRow(*rows[0]) if rows else None

    def put_operation(self, operation: OperationRow) -> None:
        """Write an operation over the one of the same id."""
        self._rows("INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *astuple(operation))

    def extensions(self) -> list[dict[str, Any]]:
        """Return the language extensions that are on, in the words they were added with."""
        return [json.loads(body) for (body,) in self._rows("SELECT body FROM extensions ORDER BY key")]

    def put_extension(self, key: str, body: dict[str, Any]) -> None:
        """Write a language extension over the one of the same key."""
        self._rows("INSERT OR REPLACE INTO extensions VALUES (?, ?)", key, json.dumps(body))

    def drop_extension(self, key: str) -> None:
        """Forget a language extension."""
        self._rows("DELETE FROM extensions WHERE key = ?", key)

    def fact(self, key: str, default: str) -> str:
        """Return a value that outlives the process; the first `default` given is kept."""
        self._rows("INSERT OR IGNORE INTO facts VALUES (?, ?)", key, default)
        return str(self._rows("SELECT value FROM facts WHERE key = ?", key)[0][0])
