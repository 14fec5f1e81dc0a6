"""The environment for tests of the panel: a service with injected faults, a fast clock and a recording shell."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from ipywidgets import HTML, Button, Widget

from kusto_magic.arm.credentials import StaticCredential, TokenCredential
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.actions import Preflight
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.emulator import create_app
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.panel.panel import ImagePanel
from kusto_magic.panel.panel_form import IMAGES, PanelForm
from kusto_magic.panel.table import Table
from support.app_queries import AppQueries
from support.emulator_transport import EmulatorTransport
from support.environment import QuickClock, SharedClock, always_compatible, planned_packages
from support.hostile import Elements

WAIT_S = 10.0
_LABEL = r'<div class="kusto-image-cell"><div class="kusto-image-label">[^<]*</div>'
SPEC = ImageSpec("humanize\n", base_image="Python3_11_7")
Fault = Callable[[httpx.Request], httpx.Response | None]


def json_response(document: object, status: int = 200) -> httpx.Response:
    """Return a response with a JSON body as an unread stream."""
    body = httpx.ByteStream(json.dumps(document).encode())
    return httpx.Response(status, headers={"content-type": "application/json"}, stream=body)


class EmulatorService(httpx.AsyncBaseTransport):
    """The emulator's app; `fault`, if set, can respond or raise first."""

    def __init__(self, emulator: EmulatorTransport) -> None:
        self.app = create_app(
            emulator.config, resolver=emulator.resolver, clock=emulator.clock, inventory=planned_packages
        )
        self._transport = httpx.ASGITransport(self.app)
        self.fault: Fault | None = None
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path.rpartition('/')[2]}")
        faulty = self.fault(request) if self.fault else None
        return faulty or await self._transport.handle_async_request(request)


class RecordingShell:
    """A kernel's shell as used by the panel; `shown` has every published bundle and its `update` flag.

    `inserted` has the cells that a command has inserted.
    """

    def __init__(self, *, interactive: bool = True) -> None:
        self.kernel = object()
        self.configurables: list[Any] = []
        self.display_pub = self
        self.shown: list[tuple[dict[str, Any], bool]] = []
        self._interactive = interactive
        self.user_ns: dict[str, Any] = {}
        self.inserted: list[str] = []

    def set_next_input(self, text: str) -> None:
        self.inserted.append(text)

    def get_parent(self) -> dict[str, Any]:
        return {"content": {"allow_stdin": self._interactive}}

    def publish(self, data: dict[str, Any], _metadata: object = None, **more: Any) -> None:
        self.shown.append((data, bool(more.get("update"))))

    @property
    def last(self) -> dict[str, Any]:
        return self.shown[-1][0]


class PanelEnvironment:
    """The environment of a test: `builds`, panels that use them, the service, and a clock that can be held."""

    def __init__(self, folder: Path, emulator: EmulatorTransport, preflight: Preflight = always_compatible) -> None:
        self.clock = SharedClock(emulator.clock)
        self.service = EmulatorService(emulator)
        ready = emulator.ready
        self.credential: TokenCredential = StaticCredential(emulator.ready.token)
        self.target = Target(ready.subscription, ready.resource_group, ready.cluster, ready.endpoint)
        self.shell = RecordingShell()
        self._folder, self._preflight = folder, preflight
        self._panels: list[ImagePanel] = []
        self.builds = self.process()

    def process(self, history_name: str = "history.sqlite") -> BuildManager:
        """Return the build manager of another process, or of another machine if its history has another name."""
        history = History(self._folder / history_name)
        return BuildManager(
            history=history,
            connect=self._connect,
            preflight=self._preflight,
            run_query=AppQueries(self.service),
            clock=self.clock,
        )

    def _connect(self, endpoint: str, scope: str) -> ArmTransport:
        return ArmTransport(endpoint, scope, credential=self.credential, transport=self.service, clock=self.clock)

    def panel(self, target: Target | None = None, builds: BuildManager | None = None) -> ImagePanel:
        clock = QuickClock(self.clock)
        made = ImagePanel(target or self.target, builds=builds or self.builds, shell=self.shell, clock=clock)
        self._panels.append(made)
        return made

    def tell(self, what: str, **body: object) -> None:
        """Say how the "queries" or "contents" of the cluster behave."""
        token = self.credential.get_token(self.target.scope).token
        post = {"cluster": self.target.cluster, **body}

        async def send() -> None:
            transport = httpx.ASGITransport(self.service.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.target.endpoint) as http:
                response = await http.post(f"/emulator/{what}", json=post, headers={"Authorization": f"Bearer {token}"})
                assert response.is_success, response.text

        asyncio.run(send())

    def close(self) -> None:
        for panel in self._panels:
            panel.close()
        self.clock.released.set()
        self.builds.close()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until `condition` is true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "timeout"
        threading.Event().wait(0.005)


EnvironmentFactory = Callable[..., PanelEnvironment]


@contextmanager
def panel_environments(folder: Path) -> Iterator[EnvironmentFactory]:
    """Return a function that makes a desk: `make(emulator, preflight)`; all are cleared with the block."""
    made: list[PanelEnvironment] = []

    def make(emulator: EmulatorTransport | None = None, preflight: Preflight = always_compatible) -> PanelEnvironment:
        made.append(PanelEnvironment(folder, emulator or EmulatorTransport(), preflight))
        return made[-1]

    try:
        yield make
    finally:
        for environment in made:
            environment.close()


def shown_text(shown: HTML) -> str:
    """Return the text that an HTML widget shows."""
    return Elements(shown.value).words


def error_text(form: PanelForm) -> str:
    """Return the text of the error area."""
    return shown_text(form.context.errors)


def row_texts(table: Table[Any]) -> list[list[str]]:
    """Return the texts of the cells of the rows that a table shows, without their labels."""
    shown = [row.text.value for row in table.rows if row.item is not None]
    return [[Elements(cell).words for cell in re.split(_LABEL, html)[1:]] for html in shown]


def row_button(table: Table[Any], name: str, label: str) -> Button:
    """Return a button of the first row whose tooltips name `name`."""
    shown = [row.buttons[label] for row in table.rows if row.item is not None]
    return next(button for button in shown if name in button.tooltip)


def is_shown(part: Widget) -> bool:
    """Return whether a widget is visible."""
    return bool(part.layout.display != "none")


def fill(form: PanelForm, name: str = "img", base: str = "Python3_11_7", text: str = "humanize") -> None:
    """Set the three fields."""
    form.fields.base.value, form.fields.name.value, form.fields.requirements.value = base, name, text


def loaded_form(environment: PanelEnvironment) -> PanelForm:
    """Return the form of a new panel after it has read the images."""
    form = environment.panel().form
    wait_until(lambda: "(" in form.pages.buttons[IMAGES].description)  # the count is shown last
    return form
