"""Ownership of operations: which process sends and records each of them, and whether that process still runs.

A record of the history names its owner. The owner holds a lock on a file of its own until it ends, however it ends: a
process id would be reused after a restart and means nothing in another container or on another machine.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from kusto_magic.builds.history_schema import keep_inherited

if TYPE_CHECKING:
    import sqlite3

FOLDER = "owners"
"""Folder of the lock files, next to the history."""

MAX_ATTEMPTS = 10
"""Maximum number of lock files that are tried before an owner goes without a lock."""


class Owner:
    """The current process as an owner of operations. `folder` is where the lock files are, or None for no lock.

    The lock is SQLite's own file lock: it works on every platform and wherever the history itself works, the system
    releases it when the process dies, and a forked child does not inherit it. Safe to call from any thread.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock: sqlite3.Connection | None = None
        self._name = ""
        self._mutex = threading.Lock()

    def hold(self) -> str:
        """Hold the lock until `release`; return the name for the records, or "" if no lock can be held."""
        with self._mutex:
            if not self._name and self._folder is not None:
                with suppress(OSError):  # a folder that cannot be written: the history is not kept either
                    self._take_lock(self._folder)
            return self._name

    def release(self) -> None:
        """Release the lock, so that other processes can resume what this one has not ended."""
        with self._mutex:
            lock, name, self._lock, self._name = self._lock, self._name, None, ""
        if lock is not None:
            lock.close()
            self._remove(self._path(name))

    def forget_lock(self) -> None:
        """Drop the name and the lock, in a forked child: they are the parent's."""
        keep_inherited(self._lock)
        self._lock, self._name = None, ""
        self._mutex = threading.Lock()  # another thread of the parent may have held the old one

    def is_mine(self, owner: str) -> bool:
        """Return whether this process is the owner with this name."""
        return owner != "" and owner == self._name

    def is_held_elsewhere(self, owner: str) -> bool:
        """Return whether another process that still runs, or may still run, is the owner with this name."""
        if not owner or owner == self._name or self._folder is None:
            return False
        path = self._path(owner)
        # A missing file is the usual case of an ended process; opening it would create it again.
        return path.exists() and not self._remove_if_released(path)

    def _take_lock(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for _ in range(MAX_ATTEMPTS):
            name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex}"
            lock = _try_lock(self._path(name))
            # Another process that removes leftovers may have locked, and removed, the file before this one locked it.
            if lock is not None and self._path(name).exists():
                self._lock, self._name = lock, name
                break
            if lock is not None:
                lock.close()
        for path in folder.glob("*.lock"):  # of processes that were killed
            if path != self._path(self._name):
                self._remove_if_released(path)

    def _path(self, owner: str) -> Path:
        assert self._folder is not None  # noqa: S101 - only called with a folder
        # Only the random part: the history is data, and a name from it must not become a path.
        token = "".join(character for character in owner.rpartition(":")[2] if character in "0123456789abcdef")
        return self._folder / f"{token}.lock"

    def _remove_if_released(self, path: Path) -> bool:
        lock = _try_lock(path)
        if lock is None:
            return False
        self._remove(path)  # while it is locked: afterwards, it could be that of a process that has just started
        lock.close()
        self._remove(path)  # Windows removes no open file, and none that another process has opened
        return True

    @staticmethod
    def _remove(path: Path) -> None:
        with suppress(OSError):  # Windows: another process is looking at it; it removes it then
            path.unlink(missing_ok=True)


def _try_lock(path: Path) -> sqlite3.Connection | None:
    """Return a connection that holds the exclusive lock of a file, or None if it cannot be locked."""
    import sqlite3

    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = MEMORY")  # nothing is written, so there is nothing to roll back
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        # Locked, not accessible, or a file system without locks: then it cannot be known, and only watching is safe.
        if connection is not None:
            connection.close()
        return None
    return connection
