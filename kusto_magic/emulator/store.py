"""The emulator's memory: one SQLite file with the images, operations and language extensions of all clusters."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from kusto_magic.emulator.file_permissions import make_private
from kusto_magic.emulator.migrations import migrate


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
    """One change of a cluster. Times are ticks of 100 ns.

    `cluster` is the cluster's key. `subject` is the key of the image, or the JSON of a change of extensions. `ends` is
    when it ends, or has ended. `verdict` is what the resolver said of a build: None = not yet, "" = nothing against
    it, else the reason.
    """

    cluster: str
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
    """The rows, kept in `path` (made so that only its owner can read it), or in memory when it is None.

    `first_cluster` is the key of the cluster that owns what a file of the time of the one cluster holds. May be used
    from several threads: whatever belongs together is done inside one `transaction()`. Raises sqlite3.Error.
    """

    def __init__(self, path: Path | None, first_cluster: str) -> None:
        self._lock = threading.RLock()
        if path is not None:
            make_private(path)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._db.close)  # an app in a test is dropped, not shut down
        with self.transaction():
            migrate(self._db, first_cluster)

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

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def for_cluster(self, cluster: str) -> ClusterStore:
        """Return the rows of one cluster, named by its key."""
        return ClusterStore(self, cluster)

    def operation(self, operation_id: str) -> OperationRow | None:
        """Return one operation of any cluster, or None."""
        rows = self.rows("SELECT * FROM operations WHERE id = ?", operation_id.lower())
        return OperationRow(*rows[0]) if rows else None

    def running(self) -> list[OperationRow]:
        """Return the changes that run, on all clusters; also on those that the file alone knows."""
        return [OperationRow(*row) for row in self.rows("SELECT * FROM operations WHERE status = 'Running'")]

    def record_verdict(self, operation_id: str, verdict: str) -> None:
        """Write down what the resolver said of a build; the first verdict stays."""
        self.rows("UPDATE operations SET verdict = ? WHERE id = ? AND verdict IS NULL", verdict, operation_id)

    def get_or_set(self, key: str, default: str) -> str:
        """Return a value that outlives the process; the first `default` given is kept."""
        self.rows("INSERT OR IGNORE INTO facts VALUES (?, ?)", key, default)
        return str(self.rows("SELECT value FROM facts WHERE key = ?", key)[0][0])


class ClusterStore:
    """The rows of one cluster in a store."""

    def __init__(self, store: Store, cluster: str) -> None:
        self._store = store
        self._cluster = cluster

    def transaction(self) -> AbstractContextManager[None]:
        """Return the store's `transaction()`."""
        return self._store.transaction()

    def images(self) -> list[ImageRow]:
        """Return all images, by name."""
        return self._images("ORDER BY key")

    def image(self, name: str) -> ImageRow | None:
        """Return the image called `name` in any case, or None."""
        return next(iter(self._images("AND key = ?", name.casefold())), None)

    def _images(self, which: str, *values: str) -> list[ImageRow]:
        columns = "name, language, state, language_version, base_image, requirements"
        sql = f"SELECT {columns} FROM images WHERE cluster = ? {which}"  # noqa: S608 - made of constants
        return [ImageRow(*row) for row in self._store.rows(sql, self._cluster, *values)]

    def put_image(self, image: ImageRow) -> None:
        """Write an image over the one of the same name."""
        sql = "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._store.rows(sql, self._cluster, image.key, *astuple(image))

    def drop_image(self, key: str) -> None:
        """Forget an image."""
        self._store.rows("DELETE FROM images WHERE cluster = ? AND key = ?", self._cluster, key)

    def running(self) -> OperationRow | None:
        """Return the change of the cluster that runs; there is at most one."""
        rows = self._store.rows("SELECT * FROM operations WHERE cluster = ? AND status = 'Running'", self._cluster)
        return OperationRow(*rows[0]) if rows else None

    def put_operation(self, operation: OperationRow) -> None:
        """Write an operation over the one of the same id."""
        sql = "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._store.rows(sql, *astuple(operation))

    def record_verdict(self, operation_id: str, verdict: str) -> None:
        """Write down what is known of a build without asking the resolver."""
        self._store.record_verdict(operation_id, verdict)

    def extensions(self) -> list[dict[str, Any]]:
        """Return the language extensions that are on, in the words they were added with."""
        rows = self._store.rows("SELECT body FROM extensions WHERE cluster = ? ORDER BY key", self._cluster)
        return [json.loads(body) for (body,) in rows]

    def put_extension(self, key: str, body: dict[str, Any]) -> None:
        """Write a language extension over the one of the same key."""
        self._store.rows("INSERT OR REPLACE INTO extensions VALUES (?, ?, ?)", self._cluster, key, json.dumps(body))

    def drop_extension(self, key: str) -> None:
        """Forget a language extension."""
        self._store.rows("DELETE FROM extensions WHERE cluster = ? AND key = ?", self._cluster, key)
