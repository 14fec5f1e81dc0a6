"""A plain client of the emulator's data plane, and the inventory query as the client of this package sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from kusto_magic.emulator import EmulatorConfig, create_app
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, ManualClock, always_compatible

SCRIPT = """
import importlib.metadata
found = [(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()]
"""
SCHEMA = "kind:string, name:string, value:string"
DATABASE = "Samples"
MANAGED = "Python3_11_7"


def inventory_query(imports: Sequence[str] | None = None, script: str = SCRIPT) -> str:
    """Return the query; without `imports` it has no third argument."""
    argument = "" if imports is None else f", bag_pack('imports', dynamic({json.dumps(list(imports))}))"
    return f"range x from 1 to 1 step 1\n| evaluate python(typeof({SCHEMA}), ```{script}```{argument})"


@dataclass
class StubInventory:
    """An inventory that returns `packages` plus one package per requirements text, and stores its calls."""

    packages: Mapping[str, str] = field(default_factory=lambda: {"numpy": "1.26.4", "Bottleneck": "1.3.7"})
    calls: list[tuple[tuple[str, ...], str, str | None]] = field(default_factory=list)

    async def __call__(self, texts: tuple[str, ...], python: str, base: str | None) -> Mapping[str, str]:
        self.calls.append((texts, python, base))
        return {**self.packages, **{text: "1.0" for text in texts if text}}


class DataPlane:
    """An emulator without a socket, and requests to the data plane of one of its clusters."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.inventory, self.clock = StubInventory(), ManualClock()
        self.slept: list[float] = []
        config = config or EmulatorConfig(build_seconds=BUILD_SECONDS)
        app = create_app(
            config, resolver=always_compatible, inventory=self.inventory, clock=self.clock, sleep=self._sleep
        )
        self.arm = EmulatorTransport(config, self.clock, always_compatible, app)
        self.path = f"/clusters/{config.cluster}"

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.move(seconds)

    async def post(self, route: str, body: Any, **headers: str) -> httpx.Response:
        """Send a request to a route below the cluster, such as "v2/rest/query"."""
        return await self.arm.http.post(f"{self.path}/{route}", json=body, headers={**self.arm.headers, **headers})

    async def query(self, csl: str = "", database: str = DATABASE, **more: Any) -> httpx.Response:
        """Send a query, the inventory query if none is given."""
        return await self.post("v2/rest/query", {"db": database, "csl": csl or inventory_query(), **more})

    async def command(self, csl: str, database: str = DATABASE) -> httpx.Response:
        """Send a management command."""
        return await self.post("v1/rest/mgmt", {"db": database, "csl": csl})

    async def rows(self, imports: Sequence[str] | None = None) -> list[list[str]]:
        """Return the rows of the inventory query."""
        response = await self.query(inventory_query(imports))
        assert response.status_code == 200, response.text
        rows: list[list[str]] = response.json()[2]["Rows"]
        return rows

    async def packages(self) -> dict[str, str]:
        """Return the packages that the inventory query finds."""
        return {name: value for kind, name, value in await self.rows() if kind == "package"}

    async def enable(self, image: str = MANAGED) -> None:
        """Enable python() with a managed image, or with a custom image."""
        entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": image}
        if not image.startswith("Python3_"):
            entry |= {"languageExtensionImageName": "PythonCustomImage", "languageExtensionCustomImageName": image}
        response = await self.arm.send("POST", "/addLanguageExtensions", json={"value": [entry]})
        assert response.status_code == 202, response.text
        self.clock.move(self.arm.config.extension_time)

    async def tell(self, action: str, **body: Any) -> None:
        """Tell the emulator how contents or queries of its first cluster differ; without a body, forget it."""
        body = {"cluster": self.arm.ready.cluster, **body} if body else {}
        response = await self.arm.http.post(f"/emulator/{action}", json=body, headers=self.arm.headers)
        assert response.status_code == 204, response.text


def kusto_error(response: httpx.Response) -> Mapping[str, Any]:
    """Return the error of a response, after checking that it has exactly the form of Kusto's OneApiError."""
    document = response.json()
    assert list(document) == ["error"]
    error: Mapping[str, Any] = document["error"]
    assert list(error) == ["code", "message", "@type", "@message", "@context", "@permanent"]
    assert error["@context"]["clientRequestId"] == response.headers["x-ms-client-request-id"]
    assert error["@context"]["activityId"] == response.headers["x-ms-activity-id"]
    return error
