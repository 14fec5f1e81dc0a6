"""What a test of the panel stands on: a service that can fail, a quick clock, a kernel's shell that only records."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import httpx
from ipywidgets import HTML, Widget

from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.credentials import StaticCredential, TokenCredential
from kusto_magic.builds.actions import Preflight
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.emulator import create_app
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.panel import ImagePanel
from kusto_magic.panel.panel_form import PanelForm
from support.emulated import EmulatorTransport
from support.world import SharedClock, fits

WAIT_S = 10.0
SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
Fault = Callable[[httpx.Request], httpx.Response | None]


def answer(document: object, status: int = 200) -> httpx.Response:
    """Return an answer with a JSON body, as it comes from a socket."""
    body = httpx.ByteStream(json.dumps(document).encode())
    return httpx.Response(status, headers={"content-type": "application/json"}, stream=body)


class QuickClock:
    """The panel's clock: its pauses are a moment, its time of day is the world's."""

    def __init__(self, wall: SharedClock) -> None:
        self._wall = wall

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return self._wall.wall()

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0.005)


class Service(httpx.AsyncBaseTransport):
    """The emulator's app; `fault`, where set, may answer or raise first."""

    def __init__(self, wire: EmulatorTransport) -> None:
        self._transport = httpx.ASGITransport(create_app(wire.config, resolver=wire.resolver, clock=wire.clock))
        self.fault: Fault | None = None
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path.rpartition('/')[2]}")
        faulty = self.fault(request) if self.fault else None
        return faulty or await self._transport.handle_async_request(request)


class RecordingShell:
    """A kernel's shell as far as the panel knows it; `shown` is every bundle, with `update` as it was said."""

    def __init__(self, *, person: bool = True) -> None:
        self.kernel = object()
        self.configurables: list[Any] = []
        self.display_pub = self
        self.shown: list[tuple[dict[str, Any], bool]] = []
        self._person = person

    def get_parent(self) -> dict[str, Any]:
        return {"content": {"allow_stdin": self._person}}

    def publish(self, data: dict[str, Any], _metadata: object = None, **more: Any) -> None:
        self.shown.append((data, bool(more.get("update"))))

    @property
    def last(self) -> dict[str, Any]:
        return self.shown[-1][0]


class PanelEnvironment:
    """Everything a test needs: `builds`, panels on them, the service and the clock that can be held."""

    def __init__(self, folder: Path, wire: EmulatorTransport, forecaster: Preflight = fits) -> None:
        self.clock = SharedClock(wire.clock)
        self.service = Service(wire)
        ready = wire.ready
        self.credential: TokenCredential = StaticCredential(wire.ready.token)
        self.target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
        self.shell = RecordingShell()
        self._folder, self._forecaster = folder, forecaster
        self._panels: list[ImagePanel] = []
        self.builds = self.process()

    def process(self) -> BuildManager:
        """Return the builds of another process with the same history."""
        history = History(self._folder / "history.sqlite")
        return BuildManager(history=history, open_client=self._open, preflight=self._forecaster, clock=self.clock)

    def _open(self, target: Target) -> AbstractAsyncContextManager[ImagesClient]:
        return connect(target, credential=self.credential, transport=self.service, clock=self.clock)

    def panel(self, target: Target | None = None, builds: BuildManager | None = None) -> ImagePanel:
        clock = QuickClock(self.clock)
        made = ImagePanel(target or self.target, builds=builds or self.builds, shell=self.shell, clock=clock)
        self._panels.append(made)
        return made

    def close(self) -> None:
        for panel in self._panels:
            panel.close()
        self.clock.released.set()
        self.builds.close()


def until(condition: Callable[[], object]) -> None:
    """Wait until something holds that the background brings about."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        threading.Event().wait(0.005)


Make = Callable[..., PanelEnvironment]


@contextmanager
def panel_environments(folder: Path) -> Iterator[Make]:
    """Return a function that makes a desk: `make(wire, forecaster)`; all are cleared with the block."""
    made: list[PanelEnvironment] = []

    def make(wire: EmulatorTransport | None = None, forecaster: Preflight = fits) -> PanelEnvironment:
        made.append(PanelEnvironment(folder, wire or EmulatorTransport(), forecaster))
        return made[-1]

    try:
        yield make
    finally:
        for desk in made:
            desk.close()


def says(shown: HTML) -> str:
    """Return the text that a widget of words shows."""
    return unescape(shown.value.partition(">")[2].rpartition("<")[0])


def error(form: PanelForm) -> str:
    """Return what stands in the error area."""
    return says(form.work.errors)


def is_shown(part: Widget) -> bool:
    """Return whether a part is on the screen."""
    return bool(part.layout.display != "none")


def fill(form: PanelForm, name: str = "img", base: str = "Python3_11_7", text: str = "humanize") -> None:
    """Type into the three fields."""
    form.fields.base.value, form.fields.name.value, form.fields.requirements.value = base, name, text


def loaded(desk: PanelEnvironment) -> PanelForm:
    """Return the form of a new panel that has read the images."""
    form = desk.panel().form
    until(lambda: form.images.images is not None)
    return form
