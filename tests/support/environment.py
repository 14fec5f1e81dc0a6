"""Builds against the emulator's app, without a socket; several build managers stand in for several processes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from kusto_magic.arm.credentials import Credential, StaticCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.build import Build
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.emulator import create_app
from kusto_magic.emulator.cluster_state import BUILD
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import Package, PreflightReport, Verdict
from support.app_queries import AppQueries
from support.emulator_transport import EmulatorTransport, ManualClock
from support.process_turns import ProcessTurns

PLAN = (Package("humanize", "4.9.0", direct=True), Package("extra", "1.0"))


class SharedClock:
    """The clock shared by the client and the emulator: `sleep` advances it, unless `released` is cleared."""

    def __init__(self, wall: ManualClock) -> None:
        self._wall = wall
        self._turns = ProcessTurns()
        self.released = threading.Event()
        self.released.set()

    def monotonic(self) -> float:
        return self._wall.now.timestamp()

    def wall(self) -> datetime:
        return self._wall.now

    async def sleep(self, seconds: float) -> None:
        self._turns.end(asyncio.current_task())
        while True:
            await asyncio.to_thread(self.released.wait)
            await self._turns.begin()
            if self.released.is_set():
                break
            self._turns.end(asyncio.current_task())  # held again while it waited for its turn
        self._wall.move(seconds)


class QuickClock:
    """A clock for what repeats: its sleeps take some milliseconds, its time of day is that of the environment."""

    def __init__(self, wall: SharedClock) -> None:
        self._wall = wall

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return self._wall.wall()

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0.005)


Fault = Callable[[httpx.Request], httpx.Response | None]
"""Returns the response to a request in place of the emulator, or None."""


def forbidden_cluster(request: httpx.Request) -> httpx.Response | None:
    """Refuse to read the cluster, as for an account that has permissions on images only."""
    if request.method != "GET" or not request.url.path.lower().rpartition("/")[0].endswith("microsoft.kusto/clusters"):
        return None
    error = {"code": "AuthorizationFailed", "message": "not allowed to read the cluster"}
    body = httpx.ByteStream(json.dumps({"error": error}).encode())
    return httpx.Response(403, headers={"content-type": "application/json"}, stream=body)


class RecordingTransport(httpx.ASGITransport):
    """The emulator's app; appends method and path of each request that changes something to `changes`.

    `fault`, if set, can respond first.
    """

    def __init__(self, app: Any, changes: list[str]) -> None:
        super().__init__(app)
        self.fault: Fault | None = None
        self._changes = changes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self._changes.append(f"{request.method} {request.url.path.rpartition('/')[2]}")
        faulty = self.fault(request) if self.fault else None
        return faulty or await super().handle_async_request(request)


class EmulatedEnvironment:
    """An emulator, a history file, and build managers, one per emulated process."""

    def __init__(
        self, folder: Path, answer: Callable[..., Awaitable[PreflightReport]], emulator: EmulatorTransport
    ) -> None:
        self.emulator = emulator
        self.clock = SharedClock(emulator.clock)
        self._app = create_app(
            emulator.config, resolver=emulator.resolver, clock=emulator.clock, inventory=planned_packages
        )
        self._path = folder / "history.sqlite"
        self.answer = answer
        self._all: list[BuildManager] = []
        self.changes: list[str] = []
        self.transport = RecordingTransport(self._app, self.changes)
        self.queries = AppQueries(self.transport)
        ready = self._app.state.ready
        self._token = ready.token
        self.targets = [
            Target(ready.subscription, ready.resource_group, cluster.name, ready.endpoint)
            for cluster in emulator.config.fleet
        ]
        self.target = self.targets[0]

    @property
    def history_path(self) -> Path:
        """The file of the history that all processes share."""
        return self._path

    def builds(self, history: History | None = None) -> BuildManager:
        made = BuildManager(
            history=history or History(self._path),
            connect=self._connect,
            preflight=self.answer,
            run_query=self.queries,
            clock=self.clock,
        )
        self._all.append(made)
        return made

    def emulator_client(self) -> EmulatorTransport:
        """Return a plain client of the same emulator: another tool, with rules of its own."""
        return EmulatorTransport(self.emulator.config, self.emulator.clock, self.emulator.resolver, self._app)

    @property
    def refused(self) -> int:
        """Number of requests that the emulator has answered with 429."""
        return sum(self._app.state.throttled.values())

    def started_builds(self, name: str) -> int:
        """Return the number of builds of an image that the emulated clusters have started."""
        return len(self._operations(name))

    def succeeded_builds(self, name: str) -> int:
        """Return the number of builds of an image that have succeeded."""
        return self._operations(name).count("Succeeded")

    def set_active(self, name: str) -> None:
        """Make the emulated cluster use a custom image, as a change that this machine does not know of."""
        images = {"languageExtensionImageName": "PythonCustomImage", "languageExtensionCustomImageName": name}
        [state, *_] = self._app.state.fleet.states()
        state.store.put_extension("PYTHON", {"languageExtensionName": "PYTHON", **images})

    def _operations(self, name: str) -> list[str]:
        rows = self._app.state.fleet.store.rows(
            "SELECT status FROM operations WHERE kind = ? AND subject = ?", BUILD, name
        )
        return [str(status) for (status,) in rows]

    def wait_until_recorded(self, build: Build, state: BuildState) -> None:
        """Wait until the history has a build in a state; it is written just after the build has changed."""
        history, end = History(self._path), time.monotonic() + 10
        while (record := history.get(build.id)) is None or record.state is not state:
            assert time.monotonic() < end, record
            time.sleep(0.005)  # a file has no event
        history.close()

    def wait_for(self, build: Build, phase: BuildState) -> None:
        """Block until a build has reached a phase."""
        there = threading.Event()
        build.observe(lambda change: there.set() if change["new"].state is phase else None, "operation")
        assert build.operation.state is phase or there.wait(10)

    def _connect(self, endpoint: str, scope: str, credential: Credential | None = None) -> ArmTransport:
        credential = credential or StaticCredential(self._token)
        return ArmTransport(endpoint, scope, credential=credential, transport=self.transport, clock=self.clock)

    def tell(self, what: str, **body: object) -> None:
        """Say how the "queries" or "contents" of the first cluster behave."""
        post = {"cluster": self.target.cluster, **body}
        asyncio.run(self.emulator_client().http.post(f"/emulator/{what}", json=post, headers=self.emulator.headers))

    def close(self) -> None:
        self.clock.released.set()
        for made in self._all:
            made.close()


async def planned_packages(_texts: tuple[str, ...], _python: str, _base: str | None) -> Mapping[str, str]:
    """Return what every emulated image holds."""
    return {package.name: package.version for package in PLAN}


async def always_compatible(_text: str, **_more: Any) -> PreflightReport:
    return PreflightReport(Verdict.COMPATIBLE, "3.11.7", PLAN)


class HeldPreflight:
    """A preflight that waits until it is released, and then answers as another one does."""

    def __init__(self, answer: Callable[..., Awaitable[PreflightReport]] = always_compatible) -> None:
        self._answer = answer
        self._released = asyncio.Event()

    async def __call__(self, text: str, **more: Any) -> PreflightReport:
        await self._released.wait()
        return await self._answer(text, **more)

    def release(self, builds: BuildManager) -> None:
        """Let the checks of these builds answer; returns when their event loop knows."""

        async def set_event() -> None:
            self._released.set()

        builds.run(set_event()).result(10)
