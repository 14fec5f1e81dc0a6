"""Launcher of recorded operations: new ones are sent, those of ended processes are resumed by reading."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

from kusto_magic.arm import operation_start
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.actions import (
    Preflight,
    SendingWorkflow,
    Workflow,
    require_unused,
    sending_workflow,
    shared_preflight,
)
from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import BackgroundLoop
from kusto_magic.builds.history import History, update
from kusto_magic.builds.ownership import Owner
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.resume import PollImage, ResumeBuild, WatchBuild, is_unconfirmed
from kusto_magic.builds.runner import BuildRunner
from kusto_magic.builds.state import Origin
from kusto_magic.clock import Clock
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.target import Target

START_GRACE = timedelta(minutes=2)
"""Time after its start during which a build without an owner is left to its kernel, which checks and submits it."""

QUEUE_GRACE = timedelta(hours=1)
"""As `START_GRACE`, for queued builds, which the service does not know, and for records without any update yet."""


class BuildLauncher:
    """Creates builds from records and runs them on the background loop. `estimate` returns that of a cluster."""

    def __init__(
        self,
        history: History,
        owner: Owner,
        registry: BuildRegistry,
        runner: BuildRunner,
        loop: BackgroundLoop,
        preflight: Preflight,
        estimate: Callable[[Target], DurationEstimate | None],
        clock: Clock,
    ) -> None:
        self._history = history
        self._owner = owner
        self._registry = registry
        self._runner = runner
        self._loop = loop
        self._preflight = preflight
        self._estimate = estimate
        self._clock = clock
        # Held from the moment the history has a record until its build is registered: another thread that reads the
        # record meanwhile would take it for one of an ended process.
        self._launching = threading.Lock()

    def start(self, requests: Sequence[BuildRequest], fleet: str = "") -> list[Build]:
        """Start new operations atomically: on interruption none is started. `fleet` is the id that they share."""
        owner, now = self._owner.hold(), self._clock.wall()
        # Queued until the first update: nothing was sent.
        records = [
            BuildRecord(uuid4().hex, request, now, state=BuildState.QUEUED, fleet=fleet, owner=owner)
            for request in requests
        ]
        try:
            with self._launching:
                self._history.add(*records)  # before the launch, so that a crash leaves a record
                return self._launch_new(records)
        except BaseException:  # also KeyboardInterrupt: the call was interrupted before anything was launched
            # Ended, so that no other process reports what the user interrupted.
            end = self._clock.wall()
            updates = (update(record.id, state=BuildState.NOT_SUBMITTED, ended_at=end) for record in records)
            self._history.apply(*updates)
            raise

    def _launch_new(self, records: Sequence[BuildRecord]) -> list[Build]:
        preflight = shared_preflight(self._preflight) if len(records) > 1 else self._preflight
        return self.launch(*(self._new(record, preflight) for record in records))

    def _new(self, record: BuildRecord, preflight: Preflight) -> tuple[Build, Workflow]:
        """Return the build of a new record and the workflow that sends it."""
        build = self._build(record, Origin.STARTED_HERE)
        return build, self._sender(build, record, preflight)

    def _sender(self, build: Build, record: BuildRecord, preflight: Preflight) -> SendingWorkflow:
        protect = partial(require_unused, self._history, self.is_held_elsewhere, record)
        return sending_workflow(build, partial(self._runner.check, preflight), protect, self._runner.queue)

    def resume(self, records: Sequence[BuildRecord], timeout: float, *, send: bool = False) -> list[Build]:
        """Poll recorded operations, whichever process started them, and return at once.

        Nothing is sent, unless `send`: those that wait for a busy cluster then continue to be repeated. Those that this
        process polls already are returned as they are.
        """
        records = [replace(record, request=record.request.with_timeout(timeout)) for record in records]
        with self._launching:
            running = {record.id: self._registry.by_id(record.id) for record in records}
            launched = self.launch(*(self._resumed(it, send) for it in records if running[it.id] is None))
        found = iter(launched)
        return [running[record.id] or next(found) for record in records]

    def _resumed(self, record: BuildRecord, send: bool) -> tuple[Build, Workflow]:
        """Return the build of a recorded operation and the workflow that polls it."""

        async def read_record() -> BuildRecord | None:
            current = await asyncio.to_thread(self._history.get, record.id)
            if current is None and self._history.warning:
                return record  # the history cannot be read now, which is not the end of the operation
            build.owned = current is not None and await asyncio.to_thread(self._adopt, current)
            if current is not None and current.request.spec != build.spec:
                build.checked_spec = current.request.spec
            return current

        build = self._build(record, Origin.RESUMED, owned=self._adopt(record))
        if not build.owned:
            return build, WatchBuild(build, read_record)
        return build, ResumeBuild(build, record, self._sender(build, record, self._preflight) if send else None)

    def observe(self, request: BuildRequest) -> Build:
        """Poll an image without a record, and return at once; nothing is sent."""
        record = BuildRecord(uuid4().hex, request, self._clock.wall())
        operation = replace(operation_start.submitting(request.action, ""), state=request.info.working_state)
        build = Build(record, operation, Origin.OBSERVED)
        return self.launch((build, PollImage(build)))[0]

    def _build(self, record: BuildRecord, origin: Origin, *, owned: bool = True) -> Build:
        operation = operation_start.submitting(record.action, "", record.request.spec)
        if origin is Origin.RESUMED:
            operation = replace(operation, state=record.state)  # until the service shows a newer one
        estimate = self._estimate(record.target) if record.request.info.creates_image else None
        return Build(record, operation, origin, estimate=estimate, owned=owned)

    def _adopt(self, record: BuildRecord) -> bool:
        """Become the owner of an operation whose owner has ended; return False if another process owns it."""
        return not self.is_held_elsewhere(record) and self._history.adopt(record, self._owner.hold())

    def is_held_elsewhere(self, record: BuildRecord) -> bool:
        """Return whether another process that is still running sends and polls the operation of a record."""
        if record.owner or record.state not in NOT_STARTED:
            return self._owner.is_held_elsewhere(record.owner)
        # Its process could hold no lock: only the time can tell.
        grace = QUEUE_GRACE if record.state == BuildState.QUEUED else START_GRACE
        return record.started_at > self._clock.wall() - grace

    def can_send_again(self, record: BuildRecord) -> bool:
        """Return whether an operation may be sent again: the service has not confirmed it, and its owner has ended."""
        if not (is_unconfirmed(record) and record.can_be_sent) or self._registry.by_id(record.id) is not None:
            return False
        return record.ended_at is not None or not self.is_held_elsewhere(record)

    def unconfirmed(self, target: Target, name: str) -> list[BuildRecord]:
        """Return the last operations on an image that can be sent again, oldest first.

        There can be several: a kernel may have ended while it checked a build and its enabling waited for it.
        """
        found: list[BuildRecord] = []
        for record in self._history.of_image(target, name):
            if self.can_send_again(record):
                found.insert(0, record)
            elif record.state is not BuildState.NOT_SUBMITTED:  # what was never sent does not matter
                break
        return found

    def repeat(self, records: Sequence[BuildRecord], timeout: float) -> list[Build]:
        """Start the operations of old records again, as new ones, unless another process has done so meanwhile."""
        owner, now = self._owner.hold(), self._clock.wall()
        pairs = [
            (old, BuildRecord(uuid4().hex, old.request.with_timeout(timeout), now, state=BuildState.QUEUED,
                              fleet=old.fleet, owner=owner))
            for old in records
        ]  # fmt: skip
        with self._launching:
            claimed = self._history.claim(pairs, now)
            return self._launch_new(claimed) if claimed else []

    def launch(self, *started: tuple[Build, Workflow]) -> list[Build]:
        """Run the workflows of builds on the background loop; return the builds at once."""
        try:
            for build, _ in started:
                self._registry.add(build)  # before it runs, so that a second call finds it
            self._loop.submit(self._runner.run(started))
        except BaseException:  # an interrupt: a build that never runs would let others wait for ever
            for build, _ in started:
                self._registry.remove(build)
            raise
        return [build for build, _ in started]
