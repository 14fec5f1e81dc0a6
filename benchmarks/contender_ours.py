"""kusto_magic: `BuildManager`, as the magics use it, with its own schedule."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from task import BASE, GROUP, REQUIREMENTS, SUBSCRIPTION, Task, image

from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.request import BuildRequest
from kusto_magic.clock import SystemClock
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import NOT_STARTED, BuildState
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target

SPREAD = 2.0
"""Seconds over which polls are spread after the clock was moved; otherwise all builds would be polled at once."""


class JumpingClock(SystemClock):
    """The real time, moved forward once, which wakes up all sleepers. Saves five minutes of waiting."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._sleeping: set[asyncio.Future[None]] = set()

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        if self._ahead:
            await super().sleep(seconds)
            return
        moved = asyncio.get_running_loop().create_future()
        self._sleeping.add(moved)
        await asyncio.wait([moved], timeout=seconds)
        self._sleeping.discard(moved)
        if self._ahead:
            await super().sleep(random.uniform(0, SPREAD))  # noqa: S311

    async def move(self, seconds: float) -> None:
        self._ahead = seconds
        for moved in list(self._sleeping):
            moved.set_result(None)


class Contender:
    """Polls with `BuildManager`; its history is in KUSTO_MAGIC_HOME, which the caller must set."""

    def __init__(self, task: Task, reported: Callable[[int, str], None]) -> None:
        self._task = task
        self._reported = reported
        self._clock = JumpingClock() if task.window else SystemClock()
        history = History(Path(os.environ["KUSTO_MAGIC_HOME"]) / "history.sqlite")
        self._learn(history)
        connect = partial(ArmTransport, credential=StaticCredential("token"), clock=self._clock)
        self.builds = BuildManager(history=history, connect=connect, clock=self._clock)

    def target(self, number: int) -> Target:
        return Target(SUBSCRIPTION, GROUP, self._task.cluster(number), endpoint=self._task.endpoint)

    async def begin(self, numbers: range) -> None:
        spec, options = ImageSpec(REQUIREMENTS, base_image=BASE), BuildOptions(check=False, force=True)
        submitted = set()
        for number in numbers:
            build = self.builds.start(BuildRequest(Action.BUILD, self.target(number), image(number), spec, options))
            build.observe(partial(self._ended, number), "ended")
            submitted.add(build)
        while submitted := {build for build in submitted if build.operation.state in NOT_STARTED}:
            if error := next((build.error for build in submitted if build.error), None):
                raise error
            await asyncio.sleep(0.1)

    def _ended(self, number: int, change: Any) -> None:
        self._reported(number, str(change["owner"].error or ""))

    async def near_the_end(self) -> None:
        if isinstance(self._clock, JumpingClock) and self._task.learnt:
            self.builds.run(self._clock.move(min(self._task.learnt))).result(timeout=60)

    def _learn(self, history: History) -> None:
        """Add builds of these durations to the history, on another cluster of the same endpoint."""
        target = Target(SUBSCRIPTION, GROUP, "earlier", endpoint=self._task.endpoint)
        ended = datetime.now(UTC) - timedelta(days=1)
        for seconds in self._task.learnt:
            started = ended - timedelta(seconds=seconds)
            request = BuildRequest(Action.BUILD, target, "image", ImageSpec(REQUIREMENTS, base_image=BASE))
            record = BuildRecord(uuid4().hex, request, started)
            history.add(record)
            history.change(record.id, state=BuildState.SUCCEEDED, ended_at=ended, seconds=seconds)
