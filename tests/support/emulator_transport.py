"""An emulator without a socket, on a manual clock, and a plain HTTP client for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from kusto_magic.emulator import EmulatorConfig, create_app
from kusto_magic.emulator.resolver import Resolver

START = datetime(2024, 11, 27, 12, 8, 1, 748130, tzinfo=UTC)
BUILD_SECONDS = 20.0
"""Duration of an emulated build in seconds."""


class ManualClock:
    """A clock that does not advance by itself."""

    def __init__(self) -> None:
        self.now = START
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        with self._lock:  # several threads move it; an update that is lost would set the time back
            self.now += timedelta(seconds=seconds)


async def always_compatible(_requirements: str, _python_version: str) -> str | None:
    return None


@dataclass
class EmulatorTransport:
    """A plain client of an emulator: it sends requests unchanged and returns the responses."""

    config: EmulatorConfig = field(default_factory=lambda: EmulatorConfig(build_seconds=BUILD_SECONDS))
    clock: ManualClock = field(default_factory=ManualClock)
    resolver: Resolver = always_compatible
    app: Starlette | None = None

    def __post_init__(self) -> None:
        app = self.app = self.app or create_app(self.config, resolver=self.resolver, clock=self.clock)
        self.ready = app.state.ready
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=self.ready.endpoint)
        self.headers = {"Authorization": f"Bearer {self.ready.token}"}

    @property
    def cluster(self) -> str:
        """The path of the cluster, in the capitalization of a client."""
        ready = self.ready
        return (
            f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
            f"/providers/Microsoft.Kusto/clusters/{ready.cluster}"
        )

    def for_cluster(self, cluster: str) -> EmulatorTransport:
        """Return a client of the same emulator for another cluster."""
        other = EmulatorTransport(self.config, self.clock, self.resolver, self.app)
        other.ready = replace(self.ready, cluster=cluster)
        return other

    async def send(self, method: str, path: str, version: str = "2024-04-13", **options: Any) -> httpx.Response:
        """Send a request to a path below the cluster."""
        return await self.http.request(
            method, self.cluster + path, params={"api-version": version}, headers=self.headers, **options
        )

    async def poll(self, response: httpx.Response, header: str = "Azure-AsyncOperation") -> httpx.Response:
        """Poll once, at the URL in a header of a response, unchanged."""
        return await self.http.get(response.headers[header], headers=self.headers)

    async def put(self, name: str, version: str = "2024-04-13", **properties: str) -> httpx.Response:
        """Send a PUT of an image; the default is one with Python 3.10.8."""
        given = properties or {"languageVersion": "3.10.8", "requirementsFileContent": "Pillow"}
        body = {"properties": {"language": "Python", **given}}
        return await self.send("PUT", f"/sandboxCustomImages/{name}", version, json=body)

    async def build(self, name: str, **properties: str) -> None:
        """Send a PUT of an image and move the clock to the end of its build."""
        response = await self.put(name, **properties)
        self.clock.move(BUILD_SECONDS)
        status = (await self.poll(response)).json()["status"]
        assert status == "Succeeded", status

    def restart(self) -> EmulatorTransport:
        """Return a new emulator with the same state, token and port."""
        return EmulatorTransport(self.config, self.clock, self.resolver)


def persistent_config(path: Path) -> EmulatorConfig:
    """Return a configuration whose state is stored in a file."""
    return EmulatorConfig(build_seconds=BUILD_SECONDS, state=path / "state.sqlite")


def error_body(response: httpx.Response) -> Mapping[str, str]:
    """Return the error of a response, after checking that it has exactly ARM's form."""
    document = json.loads(response.content)
    assert list(document) == ["error"]
    assert list(document["error"]) == ["code", "message"]
    error: Mapping[str, str] = document["error"]
    return error
