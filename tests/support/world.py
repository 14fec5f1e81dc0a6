"""Builds against the emulator's app, without a socket: as many processes as a test wants, on one clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.credentials import StaticCredential, TokenCredential
from kusto_magic.builds.build import Build
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.emulator import create_app
from kusto_magic.emulator.cluster_state import BUILD
from kusto_magic.models.action import Phase
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import Package, PreflightReport, Verdict
from support.emulated import Clock, EmulatorTransport

PLAN = (Package("humanize", "4.9.0", direct=True), Package("extra", "1.0"))


class SharedClock:
    """The clock of the client and of the emulator: it moves when somebody sleeps, unless it is held."""

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self.released = threading.Event()
        self.released.set()

    def monotonic(self) -> float:
        return self._wall.now.timestamp()

    def wall(self) -> datetime:
        return self._wall.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.to_thread(self.released.wait)
        self._wall.move(seconds)


class EmulatedEnvironment:
    """An emulator, a history file, and as many Builds (processes, as it were) as a test wants."""

    def __init__(
        self, folder: Path, answer: Callable[..., Awaitable[PreflightReport]], wire: EmulatorTransport
    ) -> None:
        self.wire = wire
        self.clock = SharedClock(wire.clock)
        self._app = create_app(wire.config, resolver=wire.resolver, clock=wire.clock)
        self._path = folder / "history.sqlite"
        self.answer = answer
        self._all: list[BuildManager] = []
        ready = self._app.state.ready
        self._token = ready.token
        self.targets = [
            Target(ready.subscription, ready.resource_group, cluster.name, ready.endpoint)
            for cluster in wire.config.fleet
        ]
        self.target = self.targets[0]

    def builds(self) -> BuildManager:
        made = BuildManager(
            history=History(self._path), open_client=self._open, preflight=self.answer, clock=self.clock
        )
        self._all.append(made)
        return made

    @property
    def refused(self) -> int:
        """How many requests the emulator has refused with a 429."""
        return sum(self._app.state.throttled.values())

    def started_builds(self, name: str) -> int:
        """Return how many builds of an image the emulated clusters have begun."""
        return len(self._operations(name))

    def succeeded_builds(self, name: str) -> int:
        """Return how many of them have succeeded."""
        return self._operations(name).count("Succeeded")

    def _operations(self, name: str) -> list[str]:
        rows = self._app.state.fleet.store.rows(
            "SELECT status FROM operations WHERE kind = ? AND subject = ?", BUILD, name
        )
        return [str(status) for (status,) in rows]

    def wait_for(self, build: Build, phase: Phase) -> None:
        """Block until a build has come to a phase."""
        there = threading.Event()
        build.observe(lambda change: there.set() if change["new"].phase is phase else None, "operation")
        assert build.operation.phase is phase or there.wait(10)

    def _open(
        self, target: Target, credential: TokenCredential | None = None
    ) -> AbstractAsyncContextManager[ImagesClient]:
        credential = credential or StaticCredential(self._token)
        return connect(target, credential=credential, transport=httpx.ASGITransport(self._app), clock=self.clock)

    def close(self) -> None:
        self.clock.released.set()
        for made in self._all:
            made.close()


async def fits(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.COMPATIBLE, "3.11.7", PLAN)
