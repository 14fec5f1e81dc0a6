"""Queries of the emulated Resource Graph."""

from __future__ import annotations

from typing import Any

import httpx

from kusto_magic.emulator import EmulatorConfig
from support.emulator_transport import EmulatorTransport

PATH = "/providers/Microsoft.ResourceGraph/resources"
CLUSTERS = "resources | where type =~ 'Microsoft.Kusto/clusters'"
NAMES = ["emulatedcluster", "fleet001", "fleet002", "fleet003", "fleet004", "fleet005", "fleet006", "fleet007"]
PLENTY = EmulatorConfig(clusters=len(NAMES), graph_queries=10_000)


async def ask(emulator: EmulatorTransport, query: str, version: str = "2022-10-01", **options: Any) -> httpx.Response:
    names = {"top": "$top", "skip": "$skip", "token": "$skipToken", "form": "resultFormat"}
    body: dict[str, Any] = {"query": query, "options": {names[key]: value for key, value in options.items()}}
    return await send(emulator, body, version)


async def send(emulator: EmulatorTransport, body: Any, version: str = "2022-10-01") -> httpx.Response:
    return await emulator.http.post(PATH, params={"api-version": version}, headers=emulator.headers, json=body)
