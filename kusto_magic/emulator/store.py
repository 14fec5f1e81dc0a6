"""The emulator's storage: one SQLite file with the images, operations and language extensions of all clusters."""

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
    """A custom image. `state` is its provisioningState; properties that were not specified are None."""

    name: str
    language: str
    state: str
    language_version: str | None = None
    base_image: str | None = None
    requirements: str | None = None

    @property
    def key(self) -> str:
        """The case-folded name, since ARM compares names without case."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One change of a cluster. Times are ticks of 100 ns.

    `cluster` is the cluster's key. `subject` is the key of the image, or the JSON of a change of extensions. `ends` is
    the time when the operation ends or has ended. `verdict` is the resolver's result for a build: None if it is
    pending, "" if there is no conflict, else the reason.
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
    """The database at `path`, readable only by its owner, or in memory if `path` is None.

    `first_cluster` is the key of the cluster that the rows of a file from before there were fleets are assigned to.
    Thread-safe; group related statements in one `transaction()`. All methods raise sqlite3.Error.
    """

    def __init__(self, path: Path | None, first_cluster: str) -> None:
        self._lock = threading.RLock()  # reentrant: `rows` is called within transactions
        if path is not None:
            make_private(path)  # before SQLite creates it with the default permissions
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._db.close)  # apps in tests are dropped without a shutdown
        with self.transaction():
            migrate(self._db, first_cluster)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block atomically and exclude other threads and processes meanwhile. Cannot be nested."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:  # also an interrupt: the lock must not stay
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute one statement and return its rows."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def for_cluster(self, cluster: str) -> ClusterStore:
        """Return the view of one cluster's rows; `cluster` is its key."""
        return ClusterStore(self, cluster)

    def operation(self, operation_id: str) -> OperationRow | None:
        """Return one operation of any cluster, or None."""
        rows = self.rows("SELECT * FROM operations WHERE id = ?", operation_id.lower())
        return OperationRow(*rows[0]) if rows else None

    def running(self) -> list[OperationRow]:
        """Return the running operations of all clusters in the file, also of clusters that are not emulated now."""
        return [OperationRow(*row) for row in self.rows("SELECT * FROM operations WHERE status = 'Running'")]

    def record_verdict(self, operation_id: str, verdict: str) -> None:
        """Store the resolver's result for a build; the first verdict is kept."""
        self.rows("UPDATE operations SET verdict = ? WHERE id = ? AND verdict IS NULL", verdict, operation_id)

    def get_or_set(self, key: str, default: str) -> str:
        """Return a persistent value, which is set to `default` on the first call."""
        # Two processes may start with the same file.
        self.rows("INSERT OR IGNORE INTO facts VALUES (?, ?)", key, default)
        return str(self.rows("SELECT value FROM facts WHERE key = ?", key)[0][0])

    def cluster_records(self) -> dict[str, str]:
        """Return the stored records of all clusters in the file by the clusters' keys."""
        rows = self.rows("SELECT key, value FROM facts WHERE key LIKE 'cluster %' ORDER BY rowid")
        return {key.removeprefix("cluster "): value for key, value in rows}


class ClusterStore:
    """A view of the rows of one cluster."""

    def __init__(self, store: Store, cluster: str) -> None:
        self._store = store
        self._cluster = cluster

    def transaction(self) -> AbstractContextManager[None]:
        """Return the store's `transaction()`."""
        return self._store.transaction()

    def images(self) -> list[ImageRow]:
        """Return all images, ordered by name."""
        return self._images("ORDER BY key")

    def image(self, name: str) -> ImageRow | None:
        """Return the image with this name, compared without case, or None."""
        return next(iter(self._images("AND key = ?", name.casefold())), None)

    def _images(self, clause: str, *values: str) -> list[ImageRow]:
        columns = "name, language, state, language_version, base_image, requirements"
        sql = f"SELECT {columns} FROM images WHERE cluster = ? {clause}"  # noqa: S608 - constants only
        return [ImageRow(*row) for row in self._store.rows(sql, self._cluster, *values)]

    def put_image(self, image: ImageRow) -> None:
        """Insert an image, or replace the one with the same name."""
        sql = "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._store.rows(sql, self._cluster, image.key, *astuple(image))

    def put_record(self, record: str) -> None:
        """Insert the record of the cluster, or replace it."""
        sql = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self._store.rows(sql, f"cluster {self._cluster}", record)

    def drop_contents(self) -> None:
        """Delete all images and extensions of the cluster."""
        for table in ("images", "extensions"):
            self._store.rows(f"DELETE FROM {table} WHERE cluster = ?", self._cluster)  # noqa: S608 - constants only

    def drop_image(self, key: str) -> None:
        """Delete an image."""
        self._store.rows("DELETE FROM images WHERE cluster = ? AND key = ?", self._cluster, key)

    def running(self) -> OperationRow | None:
        """Return the running operation of the cluster; there is at most one."""
        rows = self._store.rows("SELECT * FROM operations WHERE cluster = ? AND status = 'Running'", self._cluster)
        return OperationRow(*rows[0]) if rows else None

    def put_operation(self, operation: OperationRow) -> None:
        """Insert an operation, or replace the one with the same ID."""
        sql = "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._store.rows(sql, *astuple(operation))

    def record_verdict(self, operation_id: str, verdict: str) -> None:
        """Store the result of a build that needs no resolver."""
        self._store.record_verdict(operation_id, verdict)

    def extensions(self) -> list[dict[str, Any]]:
        """Return the enabled language extensions, as they were added."""
        rows = self._store.rows("SELECT body FROM extensions WHERE cluster = ? ORDER BY key", self._cluster)
        return [json.loads(body) for (body,) in rows]

    def put_extension(self, key: str, body: dict[str, Any]) -> None:
        """Insert a language extension, or replace the one with the same key."""
        self._store.rows("INSERT OR REPLACE INTO extensions VALUES (?, ?, ?)", self._cluster, key, json.dumps(body))

    def drop_extension(self, key: str) -> None:
        """Delete a language extension."""
        self._store.rows("DELETE FROM extensions WHERE cluster = ? AND key = ?", self._cluster, key)
