"""One build, as whoever began it sees it: it can be observed, waited for and awaited."""

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
from kusto_magic.models.action import NOT_STARTED, Action, Phase
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.preflight.report import PreflightReport

MAX_SILENCE = 45.0
"""Seconds; a build not heard of for longer (an outage, a laptop that slept) teaches nothing about its duration."""

_log = logging.getLogger(__name__)


class Build(HasTraits):
    """One image being built (or deleted), followed in the background.

    Observe `operation` (replaced on each change), `report` (what the preflight says), `last_response_at` (each answer of the
    service) and `ended`, as with every HasTraits: `build.observe(handler, "last_response_at")`. Handlers run on the background
    thread.
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
        pinned: bool = False,
        checks: bool = False,
    ) -> None:
        super().__init__(operation=operation)
        self.start_known = start_known
        self.pinned = pinned
        self.runs_preflight = checks
        self.started_here = from_the_start
        self.counts_for_estimate = from_the_start and operation.action is Action.BUILD
        """Whether the time it takes tells how long builds take.

        Not that of one that waited, was there already, or was not heard of for minutes: its end may be long over.
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
        self.ended_at: datetime | None = None
        self.error: BaseException | None = None
        self._future: concurrent.futures.Future[Image | None] = concurrent.futures.Future()
        self._tick_callbacks: list[Callable[[], None]] = []

    @property
    def done(self) -> bool:
        """Whether following has come to an end; `error` tells how, None where the image is there."""
        return self._future.done()

    @property
    def is_being_checked(self) -> bool:
        """Whether the preflight may still stop it."""
        return self.runs_preflight and self.operation.phase in (Phase.CHECKING, Phase.SUBMITTING)

    def result(self) -> Image | None:
        """Return the image (None after a deletion). Raises the build's error; TimeoutError while it goes on."""
        return self._future.result(timeout=0)

    def wait(self, timeout: float | None = None) -> Image | None:
        """Block until it is done, at most `timeout` seconds, and return the image.

        Raises BuildFailed and the other errors of following; TimeoutError when it goes on after `timeout`. An
        interrupt ends the waiting, not the build.
        """
        return wait_for_result(self._future, timeout)

    def add_tick_callback(self, call: Callable[[], None]) -> None:
        """Call something each second until the build has ended, on the background thread: for what shows the time."""
        self._tick_callbacks.append(call)

    def add_done_callback(self, call: Callable[[], None]) -> None:
        """Call something once it is done, on the background thread; at once where it is already."""
        self._future.add_done_callback(lambda _future: call())

    def __await__(self) -> Generator[Any, None, Image | None]:
        """Wait on the caller's own loop; cancelling that ends the waiting, not the build."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __repr__(self) -> str:
        return f"<Build of {self.name!r}: {self.operation.phase}>"

    def _set_operation(self, operation: Operation, now: datetime) -> None:
        """Take what the service was heard to say; called by whoever follows, as are `know` and `end`."""
        with log_callback_errors():
            silent = (now - (self.last_response_at or now)).total_seconds() > MAX_SILENCE
            self.counts_for_estimate = self.counts_for_estimate and not silent and operation.phase is not Phase.QUEUED
            self.operation = operation
            if not operation.failed_polls and operation.phase not in NOT_STARTED:
                self.last_response_at = now

    def _set_report(self, report: PreflightReport) -> None:
        """Take the answer of the preflight."""
        with log_callback_errors():
            self.report = report

    def _tick(self) -> None:
        """Call what asked to be called each second; done by whoever follows."""
        for call in self._tick_callbacks:
            with log_callback_errors():
                call()

    def _finish(self, error: BaseException | None, now: datetime) -> None:
        """Take the end: `error` None where all went well."""
        self.error, self.ended_at = error, now
        with log_callback_errors():
            self.ended = True
        if error is None:
            self._future.set_result(self.operation.image)
        else:
            self._future.set_exception(error)


@contextmanager
def log_callback_errors() -> Iterator[None]:
    """Log what a handler raises: it ends no build."""
    try:
        yield
    except Exception:
        _log.exception("a handler of a build failed")
