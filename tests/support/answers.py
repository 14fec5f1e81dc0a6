"""The service's answers as they were seen, and the addresses they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kusto_magic.arm.response import ArmResponse
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from support.clock import START

ENDPOINT = "https://management.azure.com"
SUBSCRIPTION = "12345678-1234-1234-1234-123456789098"
TARGET = Target(SUBSCRIPTION, "kustorptest", "kustoCluster")
CLUSTER_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/kustorptest/providers/Microsoft.Kusto/clusters/kustoCluster"
)
LIST_URL = f"{ENDPOINT}{CLUSTER_PATH}/sandboxCustomImages?api-version=2024-04-13"
IMAGE_URL = f"{ENDPOINT}{CLUSTER_PATH}/sandboxCustomImages/img?api-version=2024-04-13"
SPEC = ImageSpec("Pillow", python_version="3.10.8")

SIGNATURE = "SIGNATURExyz-_"
POLL_URL = (
    f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Kusto/locations/East%20US"
    "/operationResults/742bef43-608b-4b58-ba96-6f7a32ec5f12?api-version=2024-04-13"
    f"&t=638682&c=CERTIFICATExyz&s={SIGNATURE}&h=HASHxyz"
)
LOCATION_URL = POLL_URL.replace("&t=", "&operationResultResponseType=Location&t=")


def answer(body: object = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> ArmResponse:
    """Return an answer; a body that is not bytes is sent as JSON. Names of headers are in lower case."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ArmResponse(status, dict(headers or {}), raw, f"{ENDPOINT}/asked", START)


def image(state: str | None = "Succeeded", **properties: Any) -> dict[str, Any]:
    """Return the resource as a GET shows it; without a state where that is None."""
    shown = {"language": "PYTHON", "languageVersion": "3.10.8", "requirementsFileContent": "Pillow"}
    if state is not None:
        shown["provisioningState"] = state
    return {
        "id": f"{CLUSTER_PATH.replace('clusters', 'Clusters')}/SandboxCustomImages/img",
        "name": "kustoCluster/img",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": {**shown, **properties},
    }


def status(word: str, **more: Any) -> ArmResponse:
    """Return the answer of an operation's address."""
    document = {"id": "/subscriptions/s/operationresults/g", "name": "g", "status": word, "percentComplete": 0.5}
    return answer({**document, **more})


def begun(poll_url: str = POLL_URL) -> ArmResponse:
    """Return the answer to a PUT."""
    return answer(image("Creating", language="Python"), 201, {"azure-asyncoperation": poll_url})


def failed(code: int, name: str = "Oops", message: str = "", headers: Mapping[str, str] | None = None) -> ArmResponse:
    """Return a refusal in ARM's form."""
    return answer({"error": {"code": name, "message": message}}, code, headers)


RUNNING = status("Running")
DONE = status("Succeeded")
THERE = answer(image())
HTML = answer(b"<html><h1>Succeeded</h1></html>")
CREATING = answer(image("Creating"))
EVIL = "https://evil.example/x"

FOREIGN = [
    EVIL, "//evil.example/x", "https://management.azure.com@evil.example/", "https://user:pw@management.azure.com/",
    "http://management.azure.com/x", "https://management.azure.com:8443/x", "https://management.azure.com.evil.example/",
    "javascript:alert(1)", "https://management.azure.com\\@evil.example/",
]  # fmt: skip
