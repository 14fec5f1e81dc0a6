"""SQLite file of the history with a queue: what cannot be written now is kept in memory and written later.

The file may be locked by another process, full, read-only or on a disconnected drive. None of this may stop a build or
keep the user waiting for longer than the patience.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from kusto_magic.builds.history_schema import (
    connect,
    default_path,
    is_busy,
    is_damaged,
    is_io_error,
    keep_inherited,
    set_aside,
)
from kusto_magic.builds.record import COLUMNS
from kusto_magic.redaction import redact

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

Statement = tuple[str, tuple[object, ...]]
"""An SQL statement that writes, and its values."""

RETRY_INTERVAL: Final = 5.0
"""Seconds between two attempts to use the file again."""

MAX_UNWRITTEN: Final = 10_000
"""Maximum number of statements that wait for the file; beyond them, the oldest are dropped."""

FORK_PATIENCE: Final = 1.0
"""Seconds that a fork waits for the other threads of the process to end their use of the file."""

IO_PATIENCE: Final = 1.0
"""Seconds for which a failure to read or write is retried: it often ends when another process closes its journal."""

LOCK_SLICE: Final = 0.1
"""Seconds that SQLite itself waits for a lock: Python handles Ctrl-C only between such waits."""


class HistoryStore:
    """The database of the history. Opened at first use; safe to use from several threads and processes.

    `path` is the file, by default `default_path(os.environ)`; `patience` is how many seconds one use waits for the
    lock of another process; `now` is a monotonic clock. `warning` is "" or a message for the user: why records were set
    aside, or why they are not written yet.
    """

    def __init__(
        self, path: Path | None = None, *, patience: float = 5.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.warning = ""
        self._path = path
        self._patience = patience
        self._now = now
        self._lock = threading.RLock()  # reentrant: `write` calls `_use`
        self._file: sqlite3.Connection | None = None
        self._memory: sqlite3.Connection | None = None
        self._unwritten: deque[Statement] = deque(maxlen=MAX_UNWRITTEN)
        self._retry_at = 0.0
        self._opened = 0
        self._held_for_fork = False
        self._timer: threading.Timer | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the file, or None if there is no home folder."""
        with suppress(RuntimeError):
            return (self._path or default_path(os.environ)).parent
        return None

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        return self._use(lambda connection: connection.execute(query, values).fetchall())

    def write(self, *statements: Statement) -> int:
        """Execute statements in one transaction; return how many rows the last one changed."""
        with self._lock:
            changed = self._use(lambda connection: _execute(connection, statements))
            if self._memory is not None:
                self._unwritten.extend(statements)
                self._retry_later()
            return changed

    def _retry_later(self) -> None:
        """Try to write the queue in the background: the process may not use the history again before it ends."""
        if self._timer is None:
            self._timer = threading.Timer(RETRY_INTERVAL, self._retry)
            self._timer.daemon = True
            self._timer.start()

    def _retry(self) -> None:
        with self._lock:
            self._timer = None
            if self._memory is not None and self._unwritten:
                self._return_to_file()
                if self._memory is not None:
                    self._retry_later()

    def data_version(self) -> tuple[int, int, int]:
        """Return a value that changes when this process or another one has written."""

        def read(connection: sqlite3.Connection) -> tuple[int, int, int]:
            [version] = connection.execute("PRAGMA data_version").fetchone()  # counts the others' writes only
            # Also how often it was opened: the other two start at 0 again.
            return self._opened, int(version), connection.total_changes

        return self._use(read)

    def close(self) -> None:
        """Write what is in the queue, if that is possible at once, and close the file; the next use opens it again."""
        with self._lock:
            if self._memory is not None:
                self._return_to_file()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            self._close_file()

    def hold_for_fork(self) -> None:
        """Wait until no other thread uses the file, for a second at most: it must not be forked in the middle."""
        self._held_for_fork = self._lock.acquire(timeout=FORK_PATIENCE)

    def release_after_fork(self) -> None:
        """Let other threads of the parent use the file again."""
        if self._held_for_fork:
            self._lock.release()

    def forget_connections(self) -> None:
        """Drop the connections without closing them, in a forked child: SQLite allows only the parent to use them."""
        keep_inherited(self._file)
        keep_inherited(self._memory)
        self._file = self._memory = self._timer = None
        self._unwritten.clear()  # the parent writes them
        self._lock = threading.RLock()  # another thread of the parent may have held the old one

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `work` on the file, or else on a new file, or else in memory."""
        import sqlite3

        with self._lock:
            if self._memory is not None and self._now() >= self._retry_at:
                self._return_to_file()
            if self._memory is not None:
                return work(self._memory)
            try:
                try:
                    return self._on_file(work, self._patience)
                except sqlite3.DatabaseError as error:
                    if not is_damaged(error):
                        raise
                self._close_file()  # reopening checks the file and sets it aside
                return self._on_file(work, self._patience)
            except (OSError, RuntimeError, sqlite3.OperationalError) as error:
                return work(self._switch_to_memory(error))
            except sqlite3.DatabaseError as error:
                if not is_damaged(error):
                    raise  # a bug in the statements
                return work(self._switch_to_memory(error))

    def _on_file(self, work: Callable[[sqlite3.Connection], T], patience: float) -> T:
        """Return the result of `work` on the file; while it is locked, try again until the patience is exhausted.

        After another failure to read or write, try again for a shorter time, with a new connection.
        """
        import sqlite3

        started = self._now()
        while True:
            try:
                self._file = self._file or self._open_file()
                return work(self._file)
            except sqlite3.OperationalError as error:
                if self._now() >= started + _patience_for(error, patience):
                    raise
                if is_io_error(error):
                    self._close_file()
                time.sleep(0.01)  # SQLite does not wait in every case; this also lets Python answer Ctrl-C

    # ── in memory ────────────────────────────────────────────────────────────────────────────────────────────

    def _switch_to_memory(self, error: Exception) -> sqlite3.Connection:
        """Return a database in memory with the records of the file, as far as they can be read at once."""
        import sqlite3

        memory = connect(":memory:", 0)
        # `close` keeps it, since its records are nowhere else; so does the exit, which may still write them.
        weakref.finalize(self, memory.close).atexit = False
        with suppress(sqlite3.Error):  # what can be read stays visible in this session
            if self._file is not None:
                copied = self._file.execute(f"SELECT place, {COLUMNS} FROM builds").fetchall()  # noqa: S608
                _insert(memory, copied)
        self._close_file()
        # Only the reason of an OSError: the rest contains the paths of the user.
        reason = (error.strerror or "") if isinstance(error, OSError) else str(error)
        self.warning = (
            f"the history of builds cannot be written ({redact(reason)}); the builds of this session are kept in "
            "memory and written when that is possible again"
        )
        self._memory, self._retry_at = memory, self._now() + RETRY_INTERVAL
        self._opened += 1
        return memory

    def _return_to_file(self) -> None:
        """Write the queue to the file and use it again, if that is possible without waiting."""
        import sqlite3

        self._retry_at = self._now() + RETRY_INTERVAL
        unwritable, self.warning = self.warning, ""  # opening the file may set it aside, which is a warning of its own
        try:
            self._on_file(lambda connection: _execute(connection, self._unwritten), 0.0)
        except (OSError, RuntimeError, sqlite3.DatabaseError):
            self._close_file()
            self.warning = self.warning or unwritable
            return
        if self._memory is not None:
            self._memory.close()
        self._memory = None
        self._unwritten.clear()

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────────

    def _open_file(self) -> sqlite3.Connection:
        """Open the file; one that is damaged or of another program is set aside and replaced.

        Raises OSError, RuntimeError (no home directory) or sqlite3.DatabaseError.
        """
        import sqlite3

        self._opened += 1
        path = self._path or default_path(os.environ)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # before SQLite creates it with the default permissions
        found = path.stat()
        try:
            return connect(path, LOCK_SLICE)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
        if os.path.samestat(found, path.stat()):  # else another process has already replaced it
            aside = set_aside(path)
            self.warning = (
                f"the history of builds could not be read; it was renamed to {aside.name}, and a new one was created"
            )
            path.touch(mode=0o600)
        return connect(path, LOCK_SLICE)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _execute(connection: sqlite3.Connection, statements: Iterable[Statement]) -> int:
    # IMMEDIATE: SQLite waits for a lock at the start; upgrading a read lock fails at once if another writes.
    connection.execute("BEGIN IMMEDIATE")
    changed = 0
    try:
        for statement, values in statements:
            changed = connection.execute(statement, values).rowcount
        connection.execute("COMMIT")
    except BaseException:  # also an interrupt: an open transaction would lock out other processes
        if connection.in_transaction:  # SQLite rolls back by itself after some errors, such as a full disk
            connection.execute("ROLLBACK")
        raise
    return changed


def _insert(connection: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    placeholders = ", ".join("?" * (COLUMNS.count(",") + 2))
    connection.executemany(f"INSERT INTO builds (place, {COLUMNS}) VALUES ({placeholders})", rows)  # noqa: S608


def _patience_for(error: sqlite3.OperationalError, patience: float) -> float:
    """Return for how many seconds the use of the file is tried again after an error, at most `patience`."""
    if is_io_error(error):
        return min(patience, IO_PATIENCE)
    return patience if is_busy(error) else 0.0
