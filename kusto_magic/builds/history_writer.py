"""What is learnt of builds, written into the history: off the event loop, and what comes at once in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from kusto_magic.arm.operation import PollTarget
from kusto_magic.builds import history
from kusto_magic.builds.build import Build
from kusto_magic.builds.history import History, Update
from kusto_magic.errors import KustoImageError, ServiceError, one_line
from kusto_magic.models.action import NOT_STARTED, NOT_SUBMITTED


class HistoryWriter:
    """The writer of one history. Coroutines return when what they write is on the disk."""

    def __init__(self, kept_in: History) -> None:
        self._history = kept_in
        self._pending: list[Update] = []
        self._lock = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "kusto_magic history")

    async def record_state(self, build: Build) -> None:
        """Write the state of a running build.

        A build that was resumed leaves a final state alone: another process that polls it may have seen the end first.
        """
        operation = build.operation
        url = operation.poll_url if operation.poll_target is PollTarget.OPERATION else ""
        state = operation.phase.value
        change = history.update(
            build.id, state=state, operation_url=url, last_response_at=build.last_response_at, ended_at=None
        )
        await self._write(_update_for(build, change))

    async def record_pinned(self, build: Build) -> None:
        """Write what is to be sent instead of what was asked."""
        assert build.spec is not None  # noqa: S101 - only builds are pinned
        await self._write(history.update(build.id, requirements=build.spec.requirements))

    async def record_end(
        self, build: Build, error: BaseException | None, now: datetime, followed: Collection[str]
    ) -> None:
        """Write how a build has ended, unless it goes on; close the records that this leaves behind.

        An image has one operation at a time: older ones are over, but for those `followed` (their ids).
        """
        # What was begun goes on, whatever keeps this process from following it: no sign-in, an answer nobody can trust.
        is_open = isinstance(error, KustoImageError) and error.operation is not None
        if not build.operation.done and (is_open or not build.started_here):
            return
        # Only a build followed from its start teaches how long builds take: an attached one may be long over.
        learnt = {"seconds": (now - build.started_at).total_seconds()} if build.counts_for_estimate else {}
        message = one_line(error)
        end = history.update(
            build.id, state=_final_state(build, error), message=message, ended_at=now, operation_url="", **learnt
        )
        await self._write(
            _update_for(build, end),
            history.close_open(build.target, build.name, now, except_ids=followed, not_submitted=NOT_SUBMITTED),
        )

    def close(self) -> None:
        """Write what still waits, and end the writer."""
        self._writer.shutdown(wait=True)
        waiting, self._pending = self._pending, []
        self._history.apply(*waiting)

    async def _write(self, *notes: Update) -> None:
        self._pending += notes
        async with self._lock:
            # Whoever has the turn writes for all that came meanwhile: one commit to the disk for many builds.
            waiting, self._pending = self._pending, []
            if waiting:
                writing = asyncio.get_running_loop().run_in_executor(self._writer, self._history.apply, *waiting)
                await asyncio.shield(writing)  # a process that ends still writes what it has learnt


def _update_for(build: Build, change: Update) -> Update:
    """Return a change of the record of a build; one that was resumed yields to the end that another process saw."""
    return change if build.started_here else history.unless_ended(change)


def _final_state(build: Build, error: BaseException | None) -> str:
    if isinstance(error, ServiceError):
        return "Rejected"
    if error is None or build.operation.done:
        return build.operation.phase.value
    return "Not submitted" if build.operation.phase in NOT_STARTED else "Failed"
