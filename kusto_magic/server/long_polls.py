"""Requests that wait for a change: one task checks for all of them, so that a waiting request costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from kusto_magic.clock import Clock

CHECK_INTERVAL = 0.5
"""Seconds between two checks for changes while a request waits."""

MAX_WAITING = 1000
"""Maximum number of waiting requests; any further one gets its response at once."""


class LongPolls:
    """The waiting requests of one event loop. `check` looks for changes and returns the current revision."""

    def __init__(self, check: Callable[[], Awaitable[str]], clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._waiting: dict[asyncio.Future[None], tuple[str, float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, revision: str, seconds: float) -> None:
        """Return when the revision has changed, at the latest after `seconds`. Raises what `check` raises."""
        if seconds <= 0 or len(self._waiting) >= MAX_WAITING:
            return
        ended = asyncio.get_running_loop().create_future()
        self._waiting[ended] = (revision, self._clock.monotonic() + seconds)
        self._task = self._task or asyncio.create_task(self._run())
        try:
            await ended
        finally:
            del self._waiting[ended]
            if not self._waiting:
                self._task.cancel()
                self._task = None

    async def _run(self) -> None:
        """Check for changes until no request waits any more, when `wait` cancels the task."""
        while True:
            await self._clock.sleep(CHECK_INTERVAL)
            try:
                current = await self._check()
            except Exception as error:  # raised by the requests, so that none of them waits for ever
                for ended in self._waiting:
                    _finish(ended, error)
            else:
                self._respond(current, self._clock.monotonic())

    def _respond(self, current: str, now: float) -> None:
        for ended, (revision, deadline) in self._waiting.items():
            if revision != current or deadline <= now:
                _finish(ended)


def _finish(ended: asyncio.Future[None], error: Exception | None = None) -> None:
    if not ended.done():  # else its request was canceled meanwhile
        ended.set_exception(error) if error else ended.set_result(None)


class SharedCall:
    """Runs a blocking function on an executor. Simultaneous callers share one run, which starts after their call."""

    def __init__(self, work: Callable[[], None], executor: Executor) -> None:
        self._work = work
        self._executor = executor
        self._running = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Return after a run that has started after this call. Raises what the function raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        await asyncio.shield(self._next)  # a canceled caller does not cancel the others

    async def _run(self) -> None:
        async with self._running:
            self._next = None  # callers from now on need another run: this one may have read the state already
            await asyncio.get_running_loop().run_in_executor(self._executor, self._work)
