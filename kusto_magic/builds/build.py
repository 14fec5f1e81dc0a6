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
from kusto_magic.arm.poll_schedule import Usual
from kusto_magic.builds.event_loop import wait
from kusto_magic.builds.record import BuildRecord
from kusto_magic.models.action import NOT_BEGUN, Action, Phase
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.preflight.report import Forecast

LONGEST_SILENCE = 45.0
"""Seconds; a build not heard of for longer (an outage, a laptop that slept) teaches nothing about its duration."""

_log = logging.getLogger(__name__)


class Build(HasTraits):
    """One image being built (or deleted), followed in the background.

    Observe `operation` (replaced on each change), `forecast` (what the preflight says), `heard_at` (each answer of the
    service) and `ended`, as with every HasTraits: `build.observe(handler, "heard_at")`. Handlers run on the background
    thread.
    """

    operation = Instance(Operation)
    heard_at = Instance(datetime, allow_none=True)
    forecast = Instance(Forecast, allow_none=True)
    ended = Bool(default_value=False)

    def __init__(
        self,
        record: BuildRecord,
        operation: Operation,
        spec: ImageSpec | None,
        usual: Usual | None,
        *,
        from_the_start: bool = False,
        start_known: bool = True,
        pinned: bool = False,
        checks: bool = False,
    ) -> None:
        super().__init__(operation=operation)
        self.start_known = start_known
        self.pinned = pinned
        self.checks = checks
        self.from_the_start = from_the_start
        self.teaches = from_the_start and operation.action is Action.BUILD
        """Whether the time it takes tells how long builds take.

        Not that of one that waited, was there already, or was not heard of for minutes: its end may be long over.
        """
        self.id = record.id
        self.fleet = record.fleet
        self.target = record.target
        self.name = record.image
        self.action = operation.action
        self.asked = spec
        self.spec = spec
        self.started_at = record.started_at
        self.usual = usual
        self.ended_at: datetime | None = None
        self.error: BaseException | None = None
        self._future: concurrent.futures.Future[Image | None] = concurrent.futures.Future()
        self._on_each_second: list[Callable[[], None]] = []

    @property
    def done(self) -> bool:
        """Whether following has come to an end; `error` tells how, None where the image is there."""
        return self._future.done()

    @property
    def is_being_checked(self) -> bool:
        """Whether the preflight may still stop it."""
        return self.checks and self.operation.phase in (Phase.CHECKING, Phase.SENDING)

    def result(self) -> Image | None:
        """Return the image (None after a deletion). Raises the build's error; TimeoutError while it goes on."""
        return self._future.result(timeout=0)

    def wait(self, timeout: float | None = None) -> Image | None:
        """Block until it is done, at most `timeout` seconds, and return the image.

        Raises BuildFailed and the other errors of following; TimeoutError when it goes on after `timeout`. An
        interrupt ends the waiting, not the build.
        """
        return wait(self._future, timeout)

    def every_second(self, call: Callable[[], None]) -> None:
        """Call something each second until the build has ended, on the background thread: for what shows the time."""
        self._on_each_second.append(call)

    def when_done(self, call: Callable[[], None]) -> None:
        """Call something once it is done, on the background thread; at once where it is already."""
        self._future.add_done_callback(lambda _future: call())

    def __await__(self) -> Generator[Any, None, Image | None]:
        """Wait on the caller's own loop; cancelling that ends the waiting, not the build."""
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __repr__(self) -> str:
        return f"<Build of {self.name!r}: {self.operation.phase}>"

    def hear(self, operation: Operation, now: datetime) -> None:
        """Take what the service was heard to say; called by whoever follows, as are `know` and `end`."""
        with onlookers_may_fail():
            silent = (now - (self.heard_at or now)).total_seconds() > LONGEST_SILENCE
            self.teaches = self.teaches and not silent and operation.phase is not Phase.WAITING
            self.operation = operation
            if not operation.troubles and operation.phase not in NOT_BEGUN:
                self.heard_at = now

    def know(self, forecast: Forecast) -> None:
        """Take the answer of the preflight."""
        with onlookers_may_fail():
            self.forecast = forecast

    def tick(self) -> None:
        """Call what asked to be called each second; done by whoever follows."""
        for call in self._on_each_second:
            with onlookers_may_fail():
                call()

    def end(self, error: BaseException | None, now: datetime) -> None:
        """Take the end: `error` None where all went well."""
        self.error, self.ended_at = error, now
        with onlookers_may_fail():
            self.ended = True
        if error is None:
            self._future.set_result(self.operation.image)
        else:
            self._future.set_exception(error)


@contextmanager
def onlookers_may_fail() -> Iterator[None]:
    """Log what a handler raises: it ends no build."""
    try:
        yield
    except Exception:
        _log.exception("a handler of a build failed")
