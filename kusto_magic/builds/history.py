"""History of the operations started on this machine and their durations: one SQLite file per user.

Azure is the source of truth, so an error of the history never ends a build: a damaged file is set aside, what cannot
be written waits in memory (`HistoryStore`), and `History.warning` reports it. Tokens and signatures are not stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.history_store import HistoryStore, Statement
from kusto_magic.builds.record import COLUMNS, COLUMNS_WITHOUT_TEXTS, BuildRecord, from_row, to_column, to_row
from kusto_magic.hints import Hint
from kusto_magic.models.build_state import UNSENT_STATES, BuildState
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport

MAX_STORED_RECORDS = 10_000
"""Maximum number of records, newest first: space for several fleets of a thousand clusters."""

REPEATED = "sent again later"
"""Message of a record whose operation was sent again, as another record."""

ESTIMATE_SAMPLES = 20
"""Maximum number of builds from which a duration is estimated."""

MIN_SAMPLES = 3
"""Number of builds on a cluster below which those on all clusters of the endpoint are used."""

_MUTABLE_COLUMNS = frozenset(
    {"requirements", "operation_url", "state", "message", "last_response_at", "ended_at", "seconds", "hint", "report"}
)

Update = Statement
"""An update of the history."""

Change = str | float | datetime | Hint | PreflightReport | None
"""The new value of a column."""


def update(id: str, **changes: Change) -> Update:  # noqa: A002
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
    # It was not the service that reported these.
    open_states = (BuildState.UNKNOWN.value, BuildState.NOT_SUBMITTED.value)
    return f"{statement} AND (ended_at IS NULL OR state IN (?, ?))", (*values, *open_states)


def adoption(record: BuildRecord, owner: str) -> Update:
    """Return the update that makes `owner` the owner of an open record, unless another process was faster."""
    statement = "UPDATE builds SET owner = ? WHERE id = ? AND owner = ? AND ended_at IS NULL"
    return statement, (owner, record.id, record.owner)


def _claim(record: BuildRecord, now: datetime) -> Update:
    unsent = {*UNSENT_STATES, BuildState.NOT_SUBMITTED}
    state = BuildState.NOT_SUBMITTED if record.state in unsent else BuildState.UNKNOWN
    statement = "UPDATE builds SET state = ?, message = ?, ended_at = ? WHERE id = ? AND owner = ? AND state = ?"
    values = (state.value, REPEATED, to_column("ended_at", now), record.id, record.owner, record.state.value, REPEATED)
    return f"{statement} AND message <> ?", values


def _insertion_after_claim(record: BuildRecord) -> Update:
    """Return the insertion of a record, which has no effect if the update before it had none."""
    row = to_row(record)
    values = ", ".join("?" * len(row))
    return f"INSERT INTO builds (place, {COLUMNS}) SELECT {values} WHERE changes() = 1", row


def _insertion(record: BuildRecord) -> Update:
    row = to_row(record)
    return f"INSERT OR REPLACE INTO builds (place, {COLUMNS}) VALUES ({', '.join('?' * len(row))})", row  # noqa: S608


class History:
    """The history of operations. Opened at first use; safe to use from several threads and processes.

    `path` is the file, by default `default_path(os.environ)`; `timeout` is how many seconds to wait while another
    process writes, `now` a monotonic clock.
    """

    def __init__(
        self, path: Path | None = None, *, timeout: float = 5.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = HistoryStore(path, patience=timeout, now=now)

    @property
    def warning(self) -> str:
        """A message for the user, or "": why records were set aside or are not written yet."""
        return self._store.warning

    @property
    def folder(self) -> Path | None:
        """The folder of the file, or None if there is none."""
        return self._store.folder

    def add(self, *records: BuildRecord) -> None:
        """Store records, replacing those with the same ids. Beyond 10,000 records, the oldest are deleted."""
        prune = "DELETE FROM builds WHERE number <= (SELECT number FROM builds ORDER BY number DESC LIMIT 1 OFFSET ?)"
        self._store.write(*(_insertion(record) for record in records), (prune, (MAX_STORED_RECORDS,)))

    def change(self, id: str, **changes: Change) -> None:  # noqa: A002
        """Change columns of a record: those that `update` allows.

        An id that is not stored changes nothing. Raises TypeError for any other name.
        """
        self.apply(update(id, **changes))

    def apply(self, *updates: Update) -> None:
        """Apply updates in one transaction: those of `update`, `unless_ended` and `adoption`."""
        if updates:
            self._store.write(*updates)

    def adopt(self, record: BuildRecord, owner: str) -> bool:
        """Make `owner` the owner of an open record; return False if another process was faster or has ended it."""
        return self._store.write(adoption(record, owner)) == 1

    def claim(self, pairs: Sequence[tuple[BuildRecord, BuildRecord]], now: datetime) -> list[BuildRecord]:
        """End old records and store new ones that repeat them; return the new ones that were stored.

        A record that another process or thread has claimed, adopted or confirmed meanwhile is left alone.
        """
        statements = [statement for old, new in pairs for statement in (_claim(old, now), _insertion_after_claim(new))]
        self._store.write(*statements)
        return [new for _, new in pairs if self.get(new.id) is not None]

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

    def recent(self, limit: int = 50, *, with_texts: bool = True) -> list[BuildRecord]:
        """Return the newest `limit` records, newest first; without requirements and reports unless they are wanted."""
        columns = COLUMNS if with_texts else COLUMNS_WITHOUT_TEXTS
        return self._records("ORDER BY number DESC LIMIT ?", limit, columns=columns)

    def of_cluster(self, target: Target, limit: int) -> list[BuildRecord]:
        """Return the newest `limit` records of a cluster, newest first."""
        return self._records("WHERE place = ? ORDER BY number DESC LIMIT ?", target.key, limit)

    def unfinished(self, *, with_texts: bool = True) -> list[BuildRecord]:
        """Return the unfinished records, newest first; without requirements and reports unless they are wanted."""
        columns = COLUMNS if with_texts else COLUMNS_WITHOUT_TEXTS
        return self._records("WHERE ended_at IS NULL ORDER BY number DESC", columns=columns)

    def last_built(self, target: Target, image: str) -> BuildRecord | None:
        """Return the newest record of a build that made an image on a cluster, or None."""
        # An operation that finds the image up to date is Succeeded before it has ended, and has a message then.
        where = "WHERE image = ? AND place = ? AND action = 'build' AND state = 'Succeeded' AND message = ''"
        where += " AND ended_at IS NOT NULL"
        return _first(self._records(f"{where} ORDER BY number DESC LIMIT 1", image, target.key))

    def of_image(self, target: Target, image: str, limit: int = 20) -> list[BuildRecord]:
        """Return the newest records of an image on a cluster, newest first."""
        where = "WHERE image = ? AND place = ? ORDER BY number DESC LIMIT ?"
        return self._records(where, image, target.key, limit)

    def left_open(self, target: Target, image: str) -> list[BuildRecord]:
        """Return the unfinished records of an image on a cluster, newest first."""
        where = "WHERE image = ? AND place = ? AND ended_at IS NULL ORDER BY number DESC"
        return self._records(where, image, target.key)

    def fleet(self, id: str) -> list[BuildRecord]:  # noqa: A002
        """Return the records of a fleet, in the order in which they were started."""
        # SQLite uses the partial index only if its condition is repeated here.
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

    def data_version(self) -> tuple[int, int, int]:
        """Return a value that changes when this process or another one has written; cheap to read."""
        return self._store.data_version()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._store.close()

    def hold_for_fork(self) -> None:
        """Keep other threads from using the file until `release_after_fork`."""
        self._store.hold_for_fork()

    def release_after_fork(self) -> None:
        """Undo `hold_for_fork`, in the parent."""
        self._store.release_after_fork()

    def forget_connections(self) -> None:
        """Drop what a forked child must not use; the next use opens the file again."""
        self._store.forget_connections()

    def _records(self, where: str, *values: object, columns: str = COLUMNS) -> list[BuildRecord]:
        rows = self._store.rows(f"SELECT {columns} FROM builds {where}", values)  # noqa: S608
        return [record for row in rows if (record := from_row(row)) is not None]

    def _seconds(self, where: str, value: str) -> list[float]:
        # The condition of the partial indexes, which SQLite uses only then.
        query = (
            "SELECT seconds FROM builds WHERE action = 'build' AND state = 'Succeeded' AND seconds > 0"  # noqa: S608
            f" AND {where} ORDER BY number DESC LIMIT {ESTIMATE_SAMPLES}"
        )
        return [
            seconds for (seconds,) in self._store.rows(query, (value,)) if isinstance(seconds, float)
        ]  # SQLite stores any type in any column


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
