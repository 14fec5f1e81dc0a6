"""An emulator without a socket, a clock that only the test moves, and requests as plain as on the wire."""

from __future__ import annotations

import json
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
BUILD = 300.0
"""Seconds that a build takes here."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


async def fits(_requirements: str, _python_version: str) -> str | None:
    return None


@dataclass
class EmulatorTransport:
    """A client that knows no rule of Resource Manager: it sends what it is told and shows what comes back."""

    config: EmulatorConfig = field(default_factory=lambda: EmulatorConfig(build_seconds=BUILD))
    clock: Clock = field(default_factory=Clock)
    resolver: Resolver = fits
    app: Starlette | None = None

    def __post_init__(self) -> None:
        app = self.app = self.app or create_app(self.config, resolver=self.resolver, clock=self.clock)
        self.ready = app.state.ready
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=self.ready.endpoint)
        self.headers = {"Authorization": f"Bearer {self.ready.token}"}

    @property
    def cluster(self) -> str:
        """The path of the cluster as a client writes it."""
        ready = self.ready
        return (
            f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
            f"/providers/Microsoft.Kusto/clusters/{ready.cluster}"
        )

    def at(self, cluster: str) -> EmulatorTransport:
        """Return a client of the same emulator whose cluster is another one."""
        other = EmulatorTransport(self.config, self.clock, self.resolver, self.app)
        other.ready = replace(self.ready, cluster=cluster)
        return other

    async def send(self, method: str, path: str, version: str = "2024-04-13", **options: Any) -> httpx.Response:
        """Send a request to a path under the cluster."""
        return await self.http.request(
            method, self.cluster + path, params={"api-version": version}, headers=self.headers, **options
        )

    async def follow(self, answer: httpx.Response, header: str = "Azure-AsyncOperation") -> httpx.Response:
        """Poll once, at the URL that an answer names, verbatim."""
        return await self.http.get(answer.headers[header], headers=self.headers)

    async def put(self, name: str, version: str = "2024-04-13", **properties: str) -> httpx.Response:
        """PUT an image; by default one on Python 3.10.8."""
        given = properties or {"languageVersion": "3.10.8", "requirementsFileContent": "Pillow"}
        body = {"properties": {"language": "Python", **given}}
        return await self.send("PUT", f"/sandboxCustomImages/{name}", version, json=body)

    async def built(self, name: str, **properties: str) -> None:
        """PUT an image and move the clock until it is there."""
        answer = await self.put(name, **properties)
        self.clock.move(BUILD)
        status = (await self.follow(answer)).json()["status"]
        assert status == "Succeeded", status

    def restarted(self) -> EmulatorTransport:
        """Return a new emulator on the same state, token and port."""
        return EmulatorTransport(self.config, self.clock, self.resolver)


def on_disk(path: Path) -> EmulatorConfig:
    """Return a config whose state outlives the app."""
    return EmulatorConfig(build_seconds=BUILD, state=path / "state.sqlite")


def error_of(answer: httpx.Response) -> Mapping[str, str]:
    """Return the error of a refusal, which has exactly ARM's form."""
    document = json.loads(answer.content)
    assert list(document) == ["error"]
    assert list(document["error"]) == ["code", "message"]
    error: Mapping[str, str] = document["error"]
    return error
