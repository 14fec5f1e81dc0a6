"""History of the operations started on this machine and their durations: one SQLite file per user.

Azure is the source of truth, so an error of the history never ends a build: a damaged file is set aside, an unusable
one is replaced by a database in memory, and `History.warning` reports it. Tokens and signatures are not stored.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.history_schema import connect, default_path, is_damaged, set_aside
from kusto_magic.builds.record import (
    COLUMNS,
    COLUMNS_WITHOUT_REQUIREMENTS,
    FIELDS,
    BuildRecord,
    from_row,
    to_column,
    to_row,
)
from kusto_magic.models.target import Target
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    import sqlite3

MAX_STORED_RECORDS = 10_000
"""Maximum number of records, newest first: space for several fleets of a thousand clusters."""

ESTIMATE_SAMPLES = 20
"""Maximum number of builds from which a duration is estimated."""

MIN_SAMPLES = 3
"""Number of builds on a cluster below which those on all clusters of the endpoint are used."""

_MUTABLE_COLUMNS = frozenset(
    {"requirements", "operation_url", "state", "message", "last_response_at", "ended_at", "seconds"}
)

T = TypeVar("T")


Update = tuple[str, tuple[object, ...]]
"""An update of the history: an SQL statement and its values."""


def update(id: str, **changes: str | float | datetime | None) -> Update:  # noqa: A002
    """Return the update of a record that `History.change` makes. Raises TypeError for columns that are immutable."""
    if not changes:
        raise TypeError("no changes given")
    if unknown := changes.keys() - _MUTABLE_COLUMNS:
        raise TypeError(f"a record cannot change its {', '.join(sorted(unknown))}")
    assignments = ", ".join(f"{name} = ?" for name in changes)
    values = tuple(to_column(name, value) for name, value in changes.items())
    return f"UPDATE builds SET {assignments} WHERE id = ?", (*values, id)  # noqa: S608


def unless_ended(change: Update) -> Update:
    """Return an update of one record that has no effect if the service has reported its final state."""
    statement, values = change
    return f"{statement} AND (ended_at IS NULL OR state IN ('Unknown', 'Not submitted'))", values


def close_open(
    target: Target, image: str, now: datetime, *, except_ids: Collection[str], not_submitted: Collection[str]
) -> Update:
    """Return the update that closes the open records of an image, except those with the given ids.

    Records started after `now` stay open.

    `not_submitted` are the states before anything was sent. A process that still polls a closed record reopens it with
    its next update.
    """
    states, ids = (", ".join("?" * len(values)) for values in (not_submitted, except_ids))
    statement = (
        f"UPDATE builds SET message = CASE WHEN state IN ({states}) THEN 'the process ended before this was sent'"  # noqa: S608
        " ELSE 'final status unknown' END,"
        f" state = CASE WHEN state IN ({states}) THEN 'Not submitted' ELSE 'Unknown' END, ended_at = ?"
        f" WHERE image = ? AND place = ? AND ended_at IS NULL AND started_at <= ? AND id NOT IN ({ids})"
    )
    moment = to_column("ended_at", now)
    return statement, (*not_submitted, *not_submitted, moment, image, target.key, moment, *except_ids)


class History:
    """The history of operations. Opened at first use; safe to use from several threads and processes.

    `path` is the file, by default `default_path(os.environ)`; `timeout` is how many seconds to wait while another
    process writes. `warning` is "" or a message for the user: why records were set aside or are not stored.
    """

    def __init__(self, path: Path | None = None, *, timeout: float = 5.0) -> None:
        self.warning = ""
        self._path = path
        self._timeout = timeout
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def add(self, *records: BuildRecord) -> None:
        """Store records, replacing those with the same ids. Beyond 10,000 records, the oldest are deleted."""
        rows = [to_row(record) for record in records]
        placeholders = ", ".join("?" * (len(FIELDS) + 7))
        insert = f"INSERT OR REPLACE INTO builds (place, {COLUMNS}) VALUES ({placeholders})"  # noqa: S608
        prune = "DELETE FROM builds WHERE number <= (SELECT number FROM builds ORDER BY number DESC LIMIT 1 OFFSET ?)"

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(insert, rows)
            connection.execute(prune, (MAX_STORED_RECORDS,))

        self._write(write)

    def change(self, id: str, **changes: str | float | datetime | None) -> None:  # noqa: A002
        """Change columns of a record: requirements, operation_url, state, message, last_response_at, ended_at, seconds.

        An id that is not stored changes nothing. Raises TypeError for any other name.
        """
        self.apply(update(id, **changes))

    def apply(self, *updates: Update) -> None:
        """Apply updates in one transaction: those of `update`, `unless_ended` and `close_open`."""

        def write(connection: sqlite3.Connection) -> None:
            for statement, values in updates:
                connection.execute(statement, values)

        if updates:
            self._write(write)

    def get(self, id: str) -> BuildRecord | None:  # noqa: A002
        """Return the record with this id, or None."""
        return _first(self._records("WHERE id = ?", id))

    def latest(self, image: str, target: Target | None = None) -> BuildRecord | None:
        """Return the newest record of an image with any action, or None; on `target` only, if given."""
        if target is None:
            return _first(self._records("WHERE image = ? ORDER BY number DESC LIMIT 1", image))
        where = "WHERE image = ? AND place = ? ORDER BY number DESC LIMIT 1"
        return _first(self._records(where, image, target.key))

    def latest_open(self, image: str) -> BuildRecord | None:
        """Return the newest unfinished record of an image, or None."""
        return _first(self._records("WHERE image = ? AND ended_at IS NULL ORDER BY number DESC LIMIT 1", image))

    def recent(self, limit: int = 50, *, with_requirements: bool = True) -> list[BuildRecord]:
        """Return the newest `limit` records, newest first; their requirements are "" unless they are wanted."""
        columns = COLUMNS if with_requirements else COLUMNS_WITHOUT_REQUIREMENTS
        return self._records("ORDER BY number DESC LIMIT ?", limit, columns=columns)

    def unfinished(self, *, with_requirements: bool = True) -> list[BuildRecord]:
        """Return the unfinished records, newest first; their requirements are "" unless they are wanted."""
        columns = COLUMNS if with_requirements else COLUMNS_WITHOUT_REQUIREMENTS
        return self._records("WHERE ended_at IS NULL ORDER BY number DESC", columns=columns)

    def left_open(self, target: Target, image: str) -> list[BuildRecord]:
        """Return the unfinished records of an image on a cluster, newest first."""
        where = "WHERE image = ? AND place = ? AND ended_at IS NULL ORDER BY number DESC"
        return self._records(where, image, target.key)

    def fleet(self, id: str) -> list[BuildRecord]:  # noqa: A002
        """Return the records of a fleet, in the order in which they were started."""
        return self._records("WHERE fleet = ? AND fleet <> '' ORDER BY number", id)

    def estimate(self, target: Target) -> DurationEstimate | None:
        """Return the estimate from the last 20 successful builds on this cluster, or None if there are none.

        With fewer than 3, the builds on all clusters of the same endpoint are used.
        """
        on_cluster = self._seconds("place = ?", target.key)
        if len(on_cluster) < MIN_SAMPLES:
            on_endpoint = self._seconds("endpoint = ?", target.endpoint.lower())
            if len(on_endpoint) > len(on_cluster):
                return _estimate(on_endpoint, "your clusters")
        return _estimate(on_cluster, "this cluster")

    def data_version(self) -> tuple[int, int]:
        """Return a value that changes when this connection or another one has written to the file; cheap to read."""

        def read(connection: sqlite3.Connection) -> tuple[int, int]:
            [version] = connection.execute("PRAGMA data_version").fetchone()  # counts the others' writes only
            return int(version), connection.total_changes

        return self._use(read)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    # ── reading and writing ──────────────────────────────────────────────────────────────────────────────────

    def _records(self, where: str, *values: object, columns: str = COLUMNS) -> list[BuildRecord]:
        query = f"SELECT {columns} FROM builds {where}"  # noqa: S608
        rows = self._use(lambda connection: connection.execute(query, values).fetchall())
        return [record for row in rows if (record := from_row(row)) is not None]

    def _seconds(self, where: str, value: str) -> list[float]:
        query = (
            "SELECT seconds FROM builds WHERE action = 'build' AND state = 'Succeeded' AND seconds > 0"  # noqa: S608
            f" AND {where} ORDER BY number DESC LIMIT {ESTIMATE_SAMPLES}"
        )
        rows = self._use(lambda connection: connection.execute(query, (value,)).fetchall())
        return [row[0] for row in rows if isinstance(row[0], float)]

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def transaction(connection: sqlite3.Connection) -> None:
            # IMMEDIATE: SQLite waits for a lock at the start; upgrading a read lock fails at once if another writes.
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

        self._use(transaction)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work` on the file, or else on a new file, or else in memory."""
        import sqlite3

        with self._lock:
            try:
                return work(self._opened())
            except sqlite3.DatabaseError as error:
                if is_damaged(error):
                    self.close()  # reopening checks the file and sets it aside
                elif isinstance(error, sqlite3.OperationalError):
                    self._fall_back_to_memory(error)
                else:
                    raise  # a bug in this module
            try:
                return work(self._opened())
            except sqlite3.DatabaseError as error:
                self._fall_back_to_memory(error)
            return work(self._opened())

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────────

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        if self._connection is None:
            try:
                self._connection = self._open_file()
            except (OSError, RuntimeError, sqlite3.DatabaseError) as error:
                self._fall_back_to_memory(error)
        assert self._connection is not None  # noqa: S101 - for the type checker
        return self._connection

    def _open_file(self) -> sqlite3.Connection:
        """Open the file; one that is damaged or of another program is set aside and replaced.

        Raises OSError, RuntimeError (no home directory) or sqlite3.DatabaseError.
        """
        import sqlite3

        path = self._path or default_path(os.environ)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        found = path.stat()
        try:
            return connect(path, self._timeout)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
        if os.path.samestat(found, path.stat()):  # else another process has already replaced it
            aside = set_aside(path)
            self.warning = (
                f"the history of builds could not be read; it was renamed to {aside.name}, and a new one was created"
            )
            path.touch(mode=0o600)
        return connect(path, self._timeout)

    def _fall_back_to_memory(self, error: Exception) -> None:
        import sqlite3

        memory = connect(":memory:", self._timeout)
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.backup(memory)
            self._connection.close()
        self._connection = memory
        # Only the reason of an OSError: the rest contains the paths of the user.
        reason = (error.strerror or "") if isinstance(error, OSError) else str(error)
        self.warning = (
            f"the history of builds cannot be written ({redact(reason)}); builds of this session are not recorded"
        )


def _first(records: list[BuildRecord]) -> BuildRecord | None:
    return records[0] if records else None


def _estimate(seconds: list[float], of: Literal["this cluster", "your clusters"]) -> DurationEstimate | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return DurationEstimate(_percentile(ordered, 0.1), _percentile(ordered, 0.9), len(ordered), of, tuple(ordered))


def _percentile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie, with linear interpolation."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
