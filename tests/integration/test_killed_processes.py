"""Processes killed at random moments, a colleague's change in between, then `attach` or the Jupyter server.

By default a few of them; `KUSTO_MAGIC_TEST_KILLS=100` runs a hundred.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from support.requests import build_request, build_requests, delete_request

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.record import BuildRecord
from kusto_magic.clock import SystemClock
from kusto_magic.emulator import EmulatorConfig, create_app
from kusto_magic.errors import KustoImageError
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.server.build_watcher import BuildWatcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
    # anyio leaves a coroutine behind when a manager is closed at the moment at which it connects.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

KILLS = int(os.environ.get("KUSTO_MAGIC_TEST_KILLS", "8"))
MINE = ImageSpec("humanize\n", base_image="Python3_11_7")
THEIRS = ImageSpec("six\n", base_image="Python3_11_7")
WORKER = """
import sys
from functools import partial
from pathlib import Path
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.request import BuildRequest
from kusto_magic.models.action import Action
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.arm.transport import ArmTransport
history, token, action, name, *place = sys.argv[1:]
manager = BuildManager(
    history=History(Path(history)), connect=partial(ArmTransport, credential=StaticCredential(token))
)
target = Target(*place)
print("ready", flush=True)
sys.stdin.readline()
spec = ImageSpec("humanize\\n", base_image="Python3_11_7") if action == "build" else None
manager.start(BuildRequest(Action(action), target, name, spec, BuildOptions(check=False))).result()
"""


class HastyClock(SystemClock):
    """The system clock, with short sleeps."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


@dataclass
class Recorder:
    """An ASGI app that appends the method and the path of each request that changes something."""

    app: ASGIApp
    changes: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "GET":
            self.changes.append(f"{scope['method']} {scope['path'].rpartition('/')[2]}")
        await self.app(scope, receive, send)


@dataclass
class Service:
    """An emulator on a loopback port, and what processes of one user need to use it."""

    recorder: Recorder
    target: Target
    token: str
    history: Path

    def manager(self) -> BuildManager:
        return BuildManager(history=History(self.history), connect=self.connect, clock=HastyClock())

    def connect(self, endpoint: str, scope: str, **_options: Any) -> ArmTransport:
        return ArmTransport(endpoint, scope, credential=StaticCredential(self.token), clock=HastyClock())

    def images(self) -> dict[str, Image]:
        async def read() -> dict[str, Image]:
            async with ImagesClient(self.target, StaticCredential(self.token)) as client:
                return {image.name: image for image in await client.list()}

        return asyncio.run(read())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = EmulatorConfig(port=listening.getsockname()[1], build_seconds=0.3)
        app = create_app(config, resolver=_compatible, clock=lambda: datetime.now(UTC))
        recorder, ready = Recorder(app), app.state.ready
        server = uvicorn.Server(uvicorn.Config(recorder, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=partial(server.run, sockets=[listening]))
        thread.start()
        target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
        yield Service(recorder, target, ready.token, tmp_path / "history.sqlite")
        server.should_exit = True
        thread.join(20)


async def _compatible(_requirements: str, _python_version: str) -> str | None:
    return None


def kill_at_a_random_moment(service: Service, action: str, name: str, delay: float) -> None:
    """Start a process that does something, and kill it after a delay."""
    target = service.target
    place = (target.subscription, target.resource_group, target.cluster, target.endpoint)
    command = [sys.executable, "-c", WORKER, str(service.history), service.token, action, name, *place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        time.sleep(delay)  # the moment of the kill is what is tested, not a condition
        process.send_signal(signal.SIGKILL)


def change_of_a_colleague(service: Service, name: str, change: str) -> None:
    """Replace or delete the image on another machine, with another history."""
    colleague = BuildManager(
        history=History(service.history.with_name(f"{name}.sqlite")), connect=service.connect, clock=HastyClock()
    )
    try:
        if change == "replace":
            colleague.start_fleet(build_requests([service.target], name, THEIRS, check=False)).result(30)
        elif change == "delete":
            colleague.start(delete_request(service.target, name, queue=True)).result(30)
    except KustoImageError:
        pass  # there is nothing to delete
    finally:
        colleague.close()


def observe(service: Service, name: str, *, by_server: bool) -> BuildRecord | None:
    """Let `attach` or the Jupyter server look at an image; return the newest record of it."""
    manager = service.manager()
    try:
        if by_server:
            asyncio.run(_watch(BuildWatcher(manager, sources=[], clock=HastyClock()), name))
        elif manager.history.left_open(service.target, name):
            with suppress(KustoImageError):  # the record has the reason
                manager.attach(service.target, name).result(30)
        return manager.history.latest(name, service.target)
    finally:
        manager.close()


async def _watch(watcher: BuildWatcher, name: str) -> None:
    async with asyncio.timeout(30):
        found = await watcher.changes("", 0)
        while any(entry.value.view.active and entry.value.view.card.image == name for entry in found.entries):
            await watcher.changes(found.revision, 30)
            found = await watcher.changes("", 0)


def wrong_state(record: BuildRecord | None, arrived: bool, image: Image | None, active: str) -> str:
    """Return what is wrong with the recorded state, given what the service got and has; "" if nothing is."""
    if record is None:
        return "a request without a record" if arrived else ""
    if record.ended_at is None:
        return "the record is still open"
    if record.state is BuildState.NOT_SUBMITTED and arrived:
        return "not submitted, but the service got it"
    if not record.state.succeeded or arrived:  # what arrived did succeed, whatever a colleague did afterwards
        return ""
    if record.action == "build":
        return "" if image is not None and image.matches(MINE) else "succeeded, but the image is another one"
    if record.action == "delete":
        return "" if image is None else "deleted, but the image exists"
    return "" if active == record.name else "enabled, but another image is active"


def test_killed_processes_lose_nothing_and_nothing_is_sent_for_them(service: Service) -> None:
    chance = random.Random(KILLS)  # noqa: S311 - not for secrets
    problems: list[str] = []
    states: list[str] = []
    for number in range(KILLS):
        name, action = f"img-{number}", chance.choice(["build", "delete", "enable"])
        change, by_server = chance.choice(["", "replace", "delete"]), chance.random() < 0.5
        if action != "build":
            prepared = service.manager()
            prepared.start(build_request(service.target, name, MINE, check=False, queue=True)).result(30)
            prepared.close()
        service.recorder.changes.clear()
        kill_at_a_random_moment(service, action, name, chance.uniform(0.0, 1.2))
        arrived = bool(service.recorder.changes)
        change_of_a_colleague(service, name, change)
        service.recorder.changes.clear()
        record = observe(service, name, by_server=by_server)
        sent = list(service.recorder.changes)
        manager = service.manager()
        active = manager.ask(service.target, lambda client: client.active())
        manager.close()
        if record is not None and record.action != action and action != "build":
            record = None  # only the record of the preparation: it was killed before it began
        wrong = wrong_state(record, arrived, service.images().get(name), str(active))
        what = f"{number}: {action}, {change or 'no change'}, {'server' if by_server else 'attach'}"
        problems += [f"{what}: {it}" for it in (wrong, f"sent {sent}" if sent else "") if it]
        states.append(record.state if record else "no record")
    assert not problems, "\n".join([*problems, str(states)])
    sys.stdout.write(f"{sorted((state, states.count(state)) for state in set(states))}\n")
