"""Launcher of recorded operations: new ones are sent, those of ended processes are resumed by reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

from kusto_magic.arm import client, operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.poll_schedule import DurationEstimate
from kusto_magic.builds.actions import Preflight, change_cluster, create_image, require_unused, shared_preflight
from kusto_magic.builds.build import Build
from kusto_magic.builds.event_loop import BackgroundLoop
from kusto_magic.builds.history import History, update
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.ownership import Owner
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.resume import can_be_sent, is_unconfirmed, resume_build, spec_from_record, watch_build
from kusto_magic.builds.runner import BuildRunner, Workflow
from kusto_magic.clock import Clock
from kusto_magic.models.action import NOT_STARTED, NOT_SUBMITTED, Action, Phase
from kusto_magic.models.image import ImageSpec
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

    def start(self, records: Sequence[BuildRecord], timeout: float = client.DEFAULT_TIMEOUT) -> list[Build]:
        """Start new operations atomically: on interruption none is started."""
        owner = self._owner.hold()
        records = [replace(record, owner=owner) for record in records]
        shared = shared_preflight(self._preflight) if len(records) > 1 else self._preflight
        try:
            self._history.add(*records)  # before the launch, so that a crash leaves a record
            return self.launch(*(self._new(record, timeout, shared) for record in records))
        except BaseException:  # also KeyboardInterrupt: the cell was interrupted before anything was launched
            now = self._clock.wall()
            # Ended, so that no other process reports what the user interrupted.
            self._history.apply(*(update(record.id, state="Not submitted", ended_at=now) for record in records))
            raise

    def _new(self, record: BuildRecord, timeout: float, preflight: Preflight) -> tuple[Build, Workflow]:
        """Return the build of a new record and the workflow that sends it."""
        options = BuildOptions.from_string(record.options, timeout)
        build = self._build(record, from_the_start=True, pinned=options.pin, checks=options.check)

        async def check(images: ImagesClient, build: Build) -> ImageSpec:
            return await self._runner.check(images, build, preflight, pin=options.pin)

        queue, protect = self._runner.queue, partial(require_unused, self._history, self.is_held_elsewhere, record)
        if build.action is Action.BUILD:
            return build, lambda images: create_image(images, build, options, check, protect, queue)
        return build, lambda images: change_cluster(images, build, options, protect, queue)

    def resume(self, records: Sequence[BuildRecord], timeout: float, *, send: bool = False) -> list[Build]:
        """Poll recorded operations, whichever process started them, and return at once.

        Nothing is sent, unless `send`: those that wait for a busy cluster then continue to be repeated.
        """
        return self.launch(*(self._resumed(record, timeout, send) for record in records))

    def _resumed(self, record: BuildRecord, timeout: float, send: bool) -> tuple[Build, Workflow]:
        """Return the build of a recorded operation and the workflow that polls it."""

        async def read_record() -> BuildRecord | None:
            current = await asyncio.to_thread(self._history.get, record.id)
            if current is None and self._history.warning:
                return record  # the history cannot be read now, which is not the end of the operation
            build.owned = current is not None and await asyncio.to_thread(self._adopt, current)
            return current

        options = BuildOptions.from_string(record.options, timeout)
        build = self._build(record, owned=self._adopt(record), pinned=options.pin)
        if record.state in NOT_SUBMITTED:
            build.operation = replace(build.operation, phase=Phase(record.state))

        def poll(images: ImagesClient) -> AsyncIterator[Operation]:
            protect = partial(require_unused, self._history, self.is_held_elsewhere, record)
            if not build.owned:
                return watch_build(images, build, read_record, options, protect)
            self._runner.queue.add(build)
            return resume_build(images, build, record, options, protect, send=send)

        return build, poll

    def _build(self, record: BuildRecord, **options: bool) -> Build:
        action, spec = Action(record.action), spec_from_record(record)
        estimate = self._estimate(record.target) if action is Action.BUILD else None
        return Build(record, operation_start.submitting(action, "", spec), spec, estimate, **options)

    def _adopt(self, record: BuildRecord) -> bool:
        """Become the owner of an operation whose owner has ended; return False if another process owns it."""
        return not self.is_held_elsewhere(record) and self._history.adopt(record, self._owner.hold())

    def is_held_elsewhere(self, record: BuildRecord) -> bool:
        """Return whether another process that is still running sends and polls the operation of a record."""
        if record.owner or record.state not in NOT_STARTED:
            return self._owner.is_held_elsewhere(record.owner)
        # Its process could hold no lock: only the time can tell.
        grace = QUEUE_GRACE if record.state == Phase.QUEUED else START_GRACE
        return record.started_at > self._clock.wall() - grace

    def can_send_again(self, record: BuildRecord) -> bool:
        """Return whether an operation may be sent again: the service has not confirmed it, and its owner has ended."""
        if not (is_unconfirmed(record) and can_be_sent(record)) or self._registry.by_id(record.id) is not None:
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
            elif record.state != "Not submitted":  # what was never sent does not matter
                break
        return found

    def repeat(self, records: Sequence[BuildRecord], timeout: float) -> list[Build]:
        """Start the operations of old records again, as new ones, unless another process has done so meanwhile."""
        owner, now = self._owner.hold(), self._clock.wall()
        pairs = [
            (old, replace(old, id=uuid4().hex, started_at=now, state=Phase.QUEUED.value, message="", operation_url="",
                          last_response_at=None, ended_at=None, seconds=None, owner=owner))
            for old in records
        ]  # fmt: skip
        shared = shared_preflight(self._preflight) if len(pairs) > 1 else self._preflight
        claimed = self._history.claim(pairs, now)
        return self.launch(*(self._new(new, timeout, shared) for new in claimed)) if claimed else []

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
