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

from kusto_magic.arm.operation import NOTE_UNCHANGED, Operation
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.event_loop import wait_for_exception, wait_for_result
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import HasRequest
from kusto_magic.builds.state import Origin, state_of
from kusto_magic.errors import EndedElsewhereError, NotSubmittedError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import WORKING_STATES, Action
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.preflight.report import PreflightReport

MAX_SILENCE = 45.0
"""Seconds without a response (an outage, a suspended laptop) after which a build does not count for the estimate."""

_log = logging.getLogger(__name__)


class Build(HasRequest, HasTraits):
    """An operation on an image (build, deletion, enabling or disabling), polled in the background.

    It can be awaited, and has `done`, `result`, `exception` and `add_done_callback`, as a `concurrent.futures.Future`
    has. Observe `operation` (replaced at each change), `report` (of the preflight), `last_response_at` (the time of
    each response of the service) and `ended`, as with every HasTraits: `build.observe(handler, "last_response_at")`.
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
        origin: Origin,
        *,
        estimate: DurationEstimate | None = None,
        owned: bool = True,
    ) -> None:
        super().__init__(operation=operation, report=record.report)
        self.id = record.id
        self.fleet = record.fleet
        self.request = record.request
        self.origin = origin
        self.started_at = record.started_at
        self.estimate = estimate
        self.owned = owned
        """Whether this process records its states; False while another process that runs does so."""
        self.checked_spec: ImageSpec | None = None
        """What is built instead of `request.spec`: the correction or the versions that the preflight found."""
        self.counts_for_estimate = origin is Origin.STARTED_HERE and self.action is Action.BUILD
        """Whether the duration counts for the estimate.

        False if the build was queued, already existed, or was not observed throughout: it may have ended long before.
        """
        self.queued_until: datetime | None = None
        """When it last was queued, or None if it never was: the service does not work on it before."""
        self.was_in_progress = False
        """Whether the service has shown the operation in progress."""
        self.built_by: BuildRecord | None = None
        """The record of the build that made an image which this one only found; None if the history has none."""
        self.ended_at: datetime | None = None
        self.error: BaseException | None = None
        """Why the build has not succeeded; None if it has, or before its end."""
        # Not asyncio's: threads and other event loops wait for it too.
        self._future: concurrent.futures.Future[Image | None] = concurrent.futures.Future()
        self._tick_callbacks: list[Callable[[], None]] = []

    @property
    def spec(self) -> ImageSpec | None:
        """What is built, corrected or with the pinned versions if it was; None if it is not a build or not known."""
        return self.checked_spec or self.request.spec

    @property
    def state(self) -> BuildState:
        """The current state."""
        return state_of(self.operation, self.error, self.origin)

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing was sent because the image was up to date."""
        return self.operation.note == NOTE_UNCHANGED

    @property
    def is_being_checked(self) -> bool:
        """Whether the preflight can still stop the build."""
        checks = self.origin is Origin.STARTED_HERE and self.request.options.check
        return checks and self.operation.state in (BuildState.CHECKING, BuildState.SUBMITTING)

    def done(self) -> bool:
        """Return whether polling has ended; `error` is then None, or why it did not end well."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> Image | None:
        """Wait until the build is done, at most `timeout` seconds, and return the image (None except after a build).

        Raises BuildFailedError and the other errors of polling, or TimeoutError if the build is still running. An
        interrupt ends the wait, not the build.
        """
        return wait_for_result(self._future, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait as `result` does, and return the error instead of raising it; None if the operation succeeded."""
        return wait_for_exception(self._future, timeout)

    def add_done_callback(self, call: Callable[[Build], None]) -> None:
        """Call `call` with the build once it is done, on the background thread; immediately if it is done already."""
        self._future.add_done_callback(lambda _future: call(self))

    def add_tick_callback(self, call: Callable[[], None]) -> None:
        """Call `call` every second until the build has ended, on the background thread; for displayed durations."""
        self._tick_callbacks.append(call)

    def __await__(self) -> Generator[Any, None, Image | None]:
        """Wait on the caller's event loop; cancellation ends the wait, not the build."""
        # Shielded: a canceled await would otherwise cancel the future that all other waiters share.
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __repr__(self) -> str:
        return f"<Build of {self.name!r}: {self.state}>"

    def _set_operation(self, operation: Operation, now: datetime) -> None:
        """Store the latest operation state. Internal, called by the runner, as are the methods below."""
        with log_callback_errors():  # assigning a trait calls the observers
            was_silent = (now - (self.last_response_at or now)).total_seconds() > MAX_SILENCE
            was_queued = operation.shown_state is BuildState.QUEUED
            if BuildState.QUEUED in (operation.shown_state, self.operation.shown_state):
                self.queued_until = now
            self.counts_for_estimate = self.counts_for_estimate and not was_silent and not was_queued
            self.was_in_progress |= operation.state in WORKING_STATES
            self.operation = operation
            if not operation.failed_polls and operation.state not in NOT_STARTED:
                self.last_response_at = now

    def _set_built_by(self, record: BuildRecord | None) -> None:
        """Store the record of the build that made the image, unless the image is another one by now."""
        image, spec = self.operation.image, record.request.spec if record else None
        self.built_by = record if image and spec and image.matches(spec) else None

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
            self.ended = True  # before the future: a caller that returns from `result` finds `ended` set
        if error is None:
            self._future.set_result(self.operation.image)
        else:
            self._future.set_exception(error)


def not_sent(build: Build) -> NotSubmittedError:
    """Return the error of a build that this process has stopped before anything was sent."""
    what = f"the {build.request.info.noun} of image {build.name!r} was stopped before anything was sent"
    return NotSubmittedError(what, hint=Hint(HintKind.RETRY))


def ended_elsewhere(build: Build, operation: Operation, state: BuildState | None = None) -> EndedElsewhereError:
    """Return the error of a build whose end another process has recorded, as `state` if it is known."""
    what = f"another process recorded the end of the {build.request.info.noun} of image {build.name!r}"
    hint = Hint(HintKind.SHOW_STATUS)
    return EndedElsewhereError(f"{what}: {state}" if state else what, operation=operation, state=state, hint=hint)


@contextmanager
def log_callback_errors() -> Iterator[None]:
    """Log exceptions of callbacks instead of raising them, so that they do not end the build."""
    try:
        yield
    except Exception:
        _log.exception("a callback of a build failed")
