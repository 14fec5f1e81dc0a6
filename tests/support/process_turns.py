"""Turns of the emulated processes on one clock: while one of them works, the others do not move the time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

PATIENCE_S = 10.0
"""Real seconds after which a turn is taken anyway, so that a process that hangs stops no other."""


class ProcessTurns:
    """Grants turns to tasks; tasks of one event loop (one process) have theirs together.

    A task has its turn from the end of a sleep until its next one, or until it is done. Without turns, a whole build
    of one process can pass between two requests of another that a busy machine holds up: no real build is that fast.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._awake: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}

    async def begin(self) -> None:
        """Wait until no task of another process has its turn, and begin the current task's."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        abandoned = threading.Event()
        try:
            # No thread where there is nothing to wait for: most tests have one process.
            if not self._try_begin(task, loop, abandoned):
                await asyncio.to_thread(self._wait, task, loop, abandoned)
        except asyncio.CancelledError:
            with self._changed:  # the thread cannot be cancelled; it must not begin the turn later
                abandoned.set()
            self.end(task)
            raise
        task.remove_done_callback(self.end)
        task.add_done_callback(self.end)

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """End the turn of a task, if it has one."""
        with self._changed:
            if task is not None and self._awake.pop(task, None) is not None:
                self._changed.notify_all()

    def _wait(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, abandoned: threading.Event) -> None:
        end = time.monotonic() + PATIENCE_S
        with self._changed:
            while not self._try_begin(task, loop, abandoned, by_force=time.monotonic() >= end):
                self._changed.wait(max(0.0, end - time.monotonic()))

    def _try_begin(
        self,
        task: asyncio.Task[Any],
        loop: asyncio.AbstractEventLoop,
        abandoned: threading.Event,
        *,
        by_force: bool = False,
    ) -> bool:
        with self._changed:  # its lock is reentrant
            if abandoned.is_set():
                return True
            if not by_force and any(other is not loop for other in self._awake.values()):
                return False
            self._awake[task] = loop
            return True
