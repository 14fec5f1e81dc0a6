"""Writer of the history: off the event loop, with concurrent updates batched into one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from kusto_magic.arm.operation import NOTE_ABSENT, NOTE_UNCHANGED
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.builds.build import Build
from kusto_magic.builds.history import Change, History, Update, unless_ended, update
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.state import Origin, state_of, state_of_record
from kusto_magic.error_texts import one_line
from kusto_magic.errors import KustoImageError, OutcomeUnknownError, RequirementsConflictError
from kusto_magic.models.build_state import BuildState

T = TypeVar("T")


_CHECKED_STATES = frozenset({BuildState.QUEUED, BuildState.SUBMITTING})
"""States after the check and before the service has accepted the request."""


class HistoryWriter:
    """Writes build states to one history. The coroutines return once the data is on disk."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._pending: list[Update] = []
        self._lock = asyncio.Lock()
        # One thread keeps the updates in order.
        self._executor = ThreadPoolExecutor(1, "kusto_magic history")

    async def record_state(self, build: Build) -> None:
        """Write the state of a running build, unless another process owns it.

        A resumed build does not overwrite a final state: another process that polls it may have seen the end first.
        """
        if not build.owned:
            return
        operation = build.operation
        # `resume` polls a stored URL as an Azure-AsyncOperation.
        url = operation.poll_url if operation.poll_target is PollTarget.OPERATION else ""
        # Once, before the request is sent: the packages of a report take kilobytes.
        report = {"report": build.report} if build.report and operation.state in _CHECKED_STATES else {}
        state: dict[str, Change] = {"state": operation.state, "operation_url": url, "ended_at": None, **report}
        change = update(build.id, last_response_at=build.last_response_at, **state)
        await self._write(_update_for(build, change))

    async def record_checked(self, build: Build) -> None:
        """Write the corrected or pinned requirements that are sent instead of the requested ones."""
        assert build.spec is not None  # noqa: S101 - only builds are checked
        await self._write(update(build.id, requirements=build.spec.requirements))

    async def record_end(
        self, build: Build, error: BaseException | None, now: datetime, is_running: Callable[[BuildRecord], bool]
    ) -> None:
        """Write the final state of a build, unless it continues, and close older records of the image.

        An image has one operation at a time, so older ones have ended, unless `is_running` returns True for them.
        """
        if not _is_final(build, error):
            return
        # A build that was not polled from its start may have ended long before.
        known: dict[str, Change] = {"hint": error.hint} if isinstance(error, KustoImageError) else {}
        if build.counts_for_estimate:
            known["seconds"] = (now - build.started_at).total_seconds()
        if isinstance(error, RequirementsConflictError):
            known["report"] = error.forecast
        state = state_of(build.operation, error, build.origin)
        message = one_line(error) or (
            build.operation.note if build.operation.note in (NOTE_UNCHANGED, NOTE_ABSENT) else ""
        )
        end = update(build.id, state=state, message=message, ended_at=now, operation_url="", **known)
        await self._write(_update_for(build, end))
        older = await self._in_thread(self._history.left_open, build.target, build.name)
        await self._write(
            *(
                _closing(record, now)
                for record in older
                if record.started_at <= now and _concerns_same(record, build) and not is_running(record)
            )
        )

    async def last_built(self, build: Build) -> BuildRecord | None:
        """Return the newest record of a build that made the image of `build`, or None."""
        return await self._in_thread(self._history.last_built, build.target, build.name)

    def close(self) -> None:
        """Write the pending updates and stop the writer."""
        self._executor.shutdown(wait=True)  # first: it may be writing
        pending, self._pending = self._pending, []  # of tasks that were canceled while they waited for the lock
        self._history.apply(*pending)

    async def _write(self, *updates: Update) -> None:
        self._pending += updates
        async with self._lock:
            # The lock holder writes all pending updates in a single transaction: one disk commit for many builds.
            pending, self._pending = self._pending, []
            if pending:
                await self._in_thread(self._history.apply, *pending)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Return the result of `work`, called on the thread of the history."""
        running = asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)
        return await asyncio.shield(running)  # tasks canceled at exit still write their last state


def _is_final(build: Build, error: BaseException | None) -> bool:
    """Return whether the state that a build has reached is the end of its record."""
    if not build.owned:
        # The owner repeats an attempt that failed because the cluster was busy.
        return build.operation.done and not build.operation.is_cluster_busy
    # An unknown state can still be found out, unless it says that it cannot.
    return (
        isinstance(error, OutcomeUnknownError)
        or state_of(build.operation, error, build.origin) is not BuildState.UNKNOWN
    )


def _concerns_same(record: BuildRecord, build: Build) -> bool:
    """Return whether two operations on the name of an image change the same: the image, or the cluster's python()."""
    return record.request.info.changes_image == build.request.info.changes_image


def _closing(record: BuildRecord, now: datetime) -> Update:
    """Return the update that ends the record of a process that has ended."""
    state = state_of_record(record, is_active=False)
    was_sent = state is not BuildState.NOT_SUBMITTED
    message = "final status unknown" if was_sent else "the process ended before this was sent"
    return unless_ended(update(record.id, state=state, message=message, ended_at=now))


def _update_for(build: Build, change: Update) -> Update:
    """Return an update of the record of a build; for a resumed build it does not overwrite a final state."""
    return change if build.origin is Origin.STARTED_HERE else unless_ended(change)
