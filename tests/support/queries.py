"""What tests tell an emulated cluster on a socket about its queries."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from kusto_magic.emulator import ReadyTarget


def tell(ready: ReadyTarget, what: str, **body: Any) -> None:
    """Say how the cluster's "queries" or "contents" behave; without a body, everything is forgotten."""
    _send(ready, f"/emulator/{what}", {"cluster": ready.cluster, **body} if body else {})


def turn_on(ready: ReadyTarget, managed: str) -> None:
    """Let python() run on a managed image; the emulator must take no time for it."""
    entry = {"languageExtensionName": "PYTHON", "languageExtensionImageName": managed}
    group = f"/subscriptions/{ready.subscription}/resourceGroups/{ready.resource_group}"
    path = f"{group}/providers/Microsoft.Kusto/clusters/{ready.cluster}/addLanguageExtensions?api-version=2024-04-13"
    _send(ready, path, {"value": [entry]})


def _send(ready: ReadyTarget, path: str, body: Any) -> None:
    headers = {"Authorization": f"Bearer {ready.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(ready.endpoint + path, json.dumps(body).encode(), headers)  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
