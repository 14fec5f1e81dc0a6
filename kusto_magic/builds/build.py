"""Handle of one build: it can be observed, waited for and awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from traitlets import Bool, HasTraits, Instance

from kusto_magic.arm.operation import Operation
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.event_loop import wait_for_result
from kusto_magic.builds.record import BuildRecord
from kusto_magic.errors import EndedElsewhere
from kusto_magic.models.action import NOT_STARTED, Action, Phase
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.preflight.report import PreflightReport

MAX_SILENCE = 45.0
"""Seconds without a response (an outage, a suspended laptop) after which a build does not count for the estimate."""

_log = logging.getLogger(__name__)


class Build(HasTraits):
    """An operation on an image (build, deletion, enabling or disabling), polled in the background.

    Observe `operation` (replaced at each change), `report` (of the preflight), `last_response_at` (the time of each
    response of the service) and `ended`, as with every HasTraits: `build.observe(handler, "last_response_at")`.
    Handlers run on the background thread.
    """

    operation = Instance(Operation)
    last_response_at = Instance(datetime, allow_none=True)
    report = Instance(PreflightReport, allow_none=True)
    ended = Bool(default_value=False)

    def __init__(
        self,
        record: BuildRecord,
        operation: Operation,
        spec: ImageSpec | None,
        estimate: DurationEstimate | None,
        *,
        from_the_start: bool = False,
        start_known: bool = True,
        owned: bool = True,
        pinned: bool = False,
        checks: bool = False,
    ) -> None:
        super().__init__(operation=operation)
        self.start_known = start_known
        self.pinned = pinned
        self.runs_preflight = checks
        self.started_here = from_the_start
        self.owned = owned
        """Whether this process records its states; False while another process that runs does so."""
        self.counts_for_estimate = from_the_start and operation.action is Action.BUILD
        """Whether the duration counts for the estimate.

        False if the build was queued, already existed, or was not observed throughout: it may have ended long before.
        """
        self.id = record.id
        self.fleet = record.fleet
        self.target = record.target
        self.name = record.image
        self.action = operation.action
        self.requested_spec = spec
        self.spec = spec
        self.started_at = record.started_at
        self.estimate = estimate
        self.queued_until: datetime | None = None
        """When it last was queued, or None if it never was: the service does not work on it before."""
        self.ended_at: datetime | None = None
        self.error: BaseException | None = None
        # Not asyncio's: threads and other event loops wait for it too.
        self._future: concurrent.futures.Future[Image | None] = concurrent.futures.Future()
        self._tick_callbacks: list[Callable[[], None]] = []

    @property
    def done(self) -> bool:
        """Whether polling has ended; `error` is then None if the operation succeeded."""
        return self._future.done()

    @property
    def is_being_checked(self) -> bool:
        """Whether the preflight can still stop the build."""
        return self.runs_preflight and self.operation.phase in (Phase.CHECKING, Phase.SUBMITTING)

    def result(self) -> Image | None:
        """Return the image (None except after a build). Raises the build's error, or TimeoutError before its end."""
        return self._future.result(timeout=0)

    def wait(self, timeout: float | None = None) -> Image | None:
        """Block until the build is done, at most `timeout` seconds, and return the image.

        Raises BuildFailed and the other errors of polling, or TimeoutError if the build is still running. An interrupt
        ends the wait, not the build.
        """
        return wait_for_result(self._future, timeout)

    def add_tick_callback(self, call: Callable[[], None]) -> None:
        """Call `call` every second until the build has ended, on the background thread; for displayed durations."""
        self._tick_callbacks.append(call)

    def add_done_callback(self, call: Callable[[], None]) -> None:
        """Call `call` once the build is done, on the background thread; immediately if it is done already."""
        self._future.add_done_callback(lambda _future: call())

    def __await__(self) -> Generator[Any, None, Image | None]:
        """Wait on the caller's event loop; cancellation ends the wait, not the build."""
        # Shielded: a canceled await would otherwise cancel the future that all other waiters share.
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __repr__(self) -> str:
        return f"<Build of {self.name!r}: {self.operation.phase}>"

    def _set_operation(self, operation: Operation, now: datetime) -> None:
        """Store the latest operation state. Internal, called by the runner, as are the methods below."""
        with log_callback_errors():  # assigning a trait calls the observers
            was_silent = (now - (self.last_response_at or now)).total_seconds() > MAX_SILENCE
            was_queued = operation.shown_phase is Phase.QUEUED
            if Phase.QUEUED in (operation.shown_phase, self.operation.shown_phase):
                self.queued_until = now
            self.counts_for_estimate = self.counts_for_estimate and not was_silent and not was_queued
            self.operation = operation
            if not operation.failed_polls and operation.phase not in NOT_STARTED:
                self.last_response_at = now

    def _set_report(self, report: PreflightReport) -> None:
        """Store the report of the preflight."""
        with log_callback_errors():
            self.report = report

    def _tick(self) -> None:
        """Call the tick callbacks."""
        for call in self._tick_callbacks:
            with log_callback_errors():
                call()

    def _finish(self, error: BaseException | None, now: datetime) -> None:
        """Store the final result; `error` is None on success."""
        self.error, self.ended_at = error, now
        with log_callback_errors():
            self.ended = True  # before the future: a caller that returns from `wait` finds `ended` set
        if error is None:
            self._future.set_result(self.operation.image)
        else:
            self._future.set_exception(error)


def ended_elsewhere(build: Build, operation: Operation, state: str = "") -> EndedElsewhere:
    """Return the error of a build whose end another process has recorded, as `state` if it is known."""
    what = f"another process recorded the end of the {build.action.value} of image {build.name!r}"
    step = "%kusto_image status shows the result."
    return EndedElsewhere(f"{what}: {state}" if state else what, operation=operation, next_step=step)


@contextmanager
def log_callback_errors() -> Iterator[None]:
    """Log exceptions of callbacks instead of raising them, so that they do not end the build."""
    try:
        yield
    except Exception:
        _log.exception("a callback of a build failed")
