"""What was started from here, and how long builds took: one SQLite file for all processes of a user.

Azure is the store; this is a convenience. So nothing here ends a build: a file that cannot be used is set aside or
replaced by memory, and `History.warning` says so. No token and no signature is kept.
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
from kusto_magic.builds.history_file import _connect, _is_damaged, _set_aside, default_path
from kusto_magic.builds.record import COLUMNS, FIELDS, BuildRecord, from_row, to_column, to_row
from kusto_magic.models.target import Target
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    import sqlite3

MAX_RECORDS = 10_000
"""So many records stay, the newest: some fleets of a thousand clusters."""

ESTIMATE_SAMPLES = 20
MIN_SAMPLES = 3
"""Builds of one cluster; with fewer, those of all clusters of the endpoint tell more."""

_MUTABLE_COLUMNS = frozenset(
    {"requirements", "operation_url", "state", "message", "last_response_at", "ended_at", "seconds"}
)

T = TypeVar("T")


Update = tuple[str, tuple[object, ...]]
"""A change of the history, as a statement and its values."""


def update(id: str, **changes: str | float | datetime | None) -> Update:  # noqa: A002
    """Return the change that `History.change` makes. Raises TypeError for what a record cannot change."""
    unknown = changes.keys() - _MUTABLE_COLUMNS
    if unknown or not changes:
        raise TypeError(f"a record cannot change its {', '.join(sorted(unknown)) or 'nothing'}")
    assignments = ", ".join(f"{name} = ?" for name in changes)
    values = tuple(to_column(name, value) for name, value in changes.items())
    return f"UPDATE builds SET {assignments} WHERE id = ?", (*values, id)  # noqa: S608


def unless_ended(change: Update) -> Update:
    """Return a change of one record that leaves it as it is when the service has reported its final state."""
    statement, values = change
    return f"{statement} AND (ended_at IS NULL OR state IN ('Unknown', 'Not submitted'))", values


def close_open(
    target: Target, image: str, now: datetime, *, except_ids: Collection[str], not_submitted: Collection[str]
) -> Update:
    """Return the change that closes what was left open of an image until `now`, but for the ids to spare.

    `unsent` are the states of what was never sent. Whoever is alive and still follows one opens it again (`changed`).
    """
    states, ids = (", ".join("?" * len(values)) for values in (not_submitted, except_ids))
    statement = (
        f"UPDATE builds SET message = CASE WHEN state IN ({states}) THEN 'its kernel ended before it was sent'"  # noqa: S608
        " ELSE 'its end was not seen from here' END,"
        f" state = CASE WHEN state IN ({states}) THEN 'Not submitted' ELSE 'Unknown' END, ended_at = ?"
        f" WHERE image = ? AND place = ? AND ended_at IS NULL AND started_at <= ? AND id NOT IN ({ids})"
    )
    moment = to_column("ended_at", now)
    return statement, (*not_submitted, *not_submitted, moment, image, target.key, moment, *except_ids)


class History:
    """The record of builds. Opened at first use; safe to use from several threads and processes at once.

    `path` is the file, by default `default_path(os.environ)`; `patience` how many seconds to wait while another
    process writes. `warning` is "" or says, for the reader, why records were set aside or are not being kept.
    """

    def __init__(self, path: Path | None = None, *, patience: float = 5.0) -> None:
        self.warning = ""
        self._path = path
        self._timeout = patience
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def add(self, *records: BuildRecord) -> None:
        """Keep records, each in place of one with the same id. Beyond 10,000 the oldest are forgotten."""
        rows = [to_row(record) for record in records]
        places = ", ".join("?" * (len(FIELDS) + 7))
        insert = f"INSERT OR REPLACE INTO builds (place, {COLUMNS}) VALUES ({places})"  # noqa: S608
        forget = "DELETE FROM builds WHERE number <= (SELECT number FROM builds ORDER BY number DESC LIMIT 1 OFFSET ?)"

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(insert, rows)
            connection.execute(forget, (MAX_RECORDS,))

        self._write(write)

    def change(self, id: str, **changes: str | float | datetime | None) -> None:  # noqa: A002
        """Change what changes of a record: operation_url, state, message, last_response_at, ended_at, seconds.

        An id that is not (or no longer) kept changes nothing. Raises TypeError for any other name.
        """
        self.apply(update(id, **changes))

    def apply(self, *notes: Update) -> None:
        """Make several changes in one transaction: those of `changed` and `closed`."""

        def write(connection: sqlite3.Connection) -> None:
            for statement, values in notes:
                connection.execute(statement, values)

        if notes:
            self._write(write)

    def get(self, id: str) -> BuildRecord | None:  # noqa: A002
        """Return the record with this id, or None."""
        return _first(self._records("WHERE id = ?", id))

    def latest(self, image: str, target: Target | None = None) -> BuildRecord | None:
        """Return the newest record about an image, whatever the action, or None; only of `target` when given."""
        if target is None:
            return _first(self._records("WHERE image = ? ORDER BY number DESC LIMIT 1", image))
        where = "WHERE image = ? AND place = ? ORDER BY number DESC LIMIT 1"
        return _first(self._records(where, image, target.key))

    def latest_open(self, image: str) -> BuildRecord | None:
        """Return the newest record about an image of which no end was heard, or None."""
        return _first(self._records("WHERE image = ? AND ended_at IS NULL ORDER BY number DESC LIMIT 1", image))

    def recent(self, limit: int = 50) -> list[BuildRecord]:
        """Return the newest records, the newest first."""
        return self._records("ORDER BY number DESC LIMIT ?", limit)

    def unfinished(self) -> list[BuildRecord]:
        """Return the records of which no end was heard, the newest first."""
        return self._records("WHERE ended_at IS NULL ORDER BY number DESC")

    def left_open(self, target: Target, image: str) -> list[BuildRecord]:
        """Return the records of an image of which no end was heard, the newest first."""
        where = "WHERE image = ? AND place = ? AND ended_at IS NULL ORDER BY number DESC"
        return self._records(where, image, target.key)

    def fleet(self, id: str) -> list[BuildRecord]:  # noqa: A002
        """Return the records of a fleet, in the order in which they were begun."""
        return self._records("WHERE fleet = ? AND fleet <> '' ORDER BY number", id)

    def estimate(self, target: Target) -> DurationEstimate | None:
        """Return how long the last 20 builds that succeeded on this cluster took, or None where none is known.

        With fewer than 3 it is learnt from all clusters of the same endpoint.
        """
        here = self._seconds("place = ?", target.key)
        if len(here) < MIN_SAMPLES:
            anywhere = self._seconds("endpoint = ?", target.endpoint.lower())
            if len(anywhere) > len(here):
                return _estimate(anywhere, "your clusters")
        return _estimate(here, "this cluster")

    def data_version(self) -> int:
        """Return a number that changes when another connection has written to the file; cheap to ask."""
        row = self._use(lambda it: it.execute("PRAGMA data_version").fetchone())
        return int(row[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    # ── reading and writing ──────────────────────────────────────────────────────────────────────────────────

    def _records(self, where: str, *values: object) -> list[BuildRecord]:
        query = f"SELECT {COLUMNS} FROM builds {where}"  # noqa: S608
        rows = self._use(lambda it: it.execute(query, values).fetchall())
        return [record for row in rows if (record := from_row(row)) is not None]

    def _seconds(self, where: str, value: str) -> list[float]:
        query = (
            "SELECT seconds FROM builds WHERE action = 'build' AND state = 'Succeeded' AND seconds > 0"  # noqa: S608
            f" AND {where} ORDER BY number DESC LIMIT {ESTIMATE_SAMPLES}"
        )
        rows = self._use(lambda it: it.execute(query, (value,)).fetchall())
        return [row[0] for row in rows if isinstance(row[0], float)]

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def transaction(connection: sqlite3.Connection) -> None:
            # IMMEDIATE: a lock taken at the start is waited for, one taken half-way is refused.
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
        """Do something with the file; where it fails, with a new file; where that fails too, in memory."""
        import sqlite3

        with self._lock:
            try:
                return work(self._opened())
            except sqlite3.DatabaseError as error:
                if _is_damaged(error):
                    self.close()  # opening it again checks it, and sets it aside
                elif isinstance(error, sqlite3.OperationalError):
                    self._fall_back_to_memory(error)
                else:
                    raise  # a mistake in this file
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
        """Open the file, a damaged or foreign one only after setting it aside.

        Raises OSError, RuntimeError (no home) or sqlite3.DatabaseError.
        """
        import sqlite3

        path = self._path or default_path(os.environ)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        found = path.stat()
        try:
            return _connect(path, self._timeout)
        except sqlite3.DatabaseError as error:
            if not _is_damaged(error):
                raise
        if os.path.samestat(found, path.stat()):  # else another process was faster
            aside = _set_aside(path)
            self.warning = f"the history of builds could not be read; it is now {aside.name}, and a new one has begun"
            path.touch(mode=0o600)
        return _connect(path, self._timeout)

    def _fall_back_to_memory(self, error: Exception) -> None:
        import sqlite3

        memory = _connect(":memory:", self._timeout)
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.backup(memory)
            self._connection.close()
        self._connection = memory
        # Of an OSError only its reason: the rest names the user's folders.
        reason = (error.strerror or "") if isinstance(error, OSError) else str(error)
        self.warning = f"the history of builds cannot be written ({redact(reason)}); this session's is not kept"


def _first(records: list[BuildRecord]) -> BuildRecord | None:
    return records[0] if records else None


def _estimate(seconds: list[float], of: Literal["this cluster", "your clusters"]) -> DurationEstimate | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return DurationEstimate(_percentile(ordered, 0.1), _percentile(ordered, 0.9), len(ordered), of, tuple(ordered))


def _percentile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie, between two of them linearly."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
