"""Responses of the service as observed, and the URLs they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
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


def make_response(
    body: object = b"", status_response: int = 200, headers: Mapping[str, str] | None = None
) -> ArmResponse:
    """Return a response; a body that is not bytes is serialized as JSON. Header names must be in lower case."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ArmResponse(status_response, dict(headers or {}), raw, f"{ENDPOINT}/asked", START)


def image_resource(state: str | None = "Succeeded", **properties: Any) -> dict[str, Any]:
    """Return the image resource as in a GET response; `state` None omits provisioningState."""
    shown = {"language": "PYTHON", "languageVersion": "3.10.8", "requirementsFileContent": "Pillow"}
    if state is not None:
        shown["provisioningState"] = state
    return {
        "id": f"{CLUSTER_PATH.replace('clusters', 'Clusters')}/SandboxCustomImages/img",
        "name": "kustoCluster/img",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": {**shown, **properties},
    }


def status_response(word: str, **more: Any) -> ArmResponse:
    """Return the response of the poll URL of an operation."""
    document = {"id": "/subscriptions/s/operationresults/g", "name": "g", "status": word, "percentComplete": 0.5}
    return make_response({**document, **more})


def created_response(poll_url: str = POLL_URL) -> ArmResponse:
    """Return the response to an accepted PUT."""
    return make_response(image_resource("Creating", language="Python"), 201, {"azure-asyncoperation": poll_url})


def error_response(
    code: int, name: str = "Oops", message: str = "", headers: Mapping[str, str] | None = None
) -> ArmResponse:
    """Return an error response in ARM's form."""
    return make_response({"error": {"code": name, "message": message}}, code, headers)


def from_service(response: ArmResponse) -> ArmResponse:
    """Return the response with a request ID, which no page of a gateway has."""
    return replace(response, headers={**response.headers, "x-ms-request-id": "r-1"})


STATUS_RUNNING = status_response("Running")
STATUS_SUCCEEDED = status_response("Succeeded")
IMAGE_SUCCEEDED = make_response(image_resource())
HTML_RESPONSE = make_response(b"<html><h1>Succeeded</h1></html>")
IMAGE_CREATING = make_response(image_resource("Creating"))
UNTRUSTED_URL = "https://evil.example/x"

UNTRUSTED_URLS = [
    UNTRUSTED_URL, "//evil.example/x", "https://management.azure.com@evil.example/", "https://user:pw@management.azure.com/",
    "http://management.azure.com/x", "https://management.azure.com:8443/x", "https://management.azure.com.evil.example/",
    "javascript:alert(1)", "https://management.azure.com\\@evil.example/",
]  # fmt: skip
