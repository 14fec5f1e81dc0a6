"""The three samples of the published reference of "Create Or Update" (api-version 2024-04-13), unchanged.

Each is sent as in the reference, receives each of its two responses, and is polled to its end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from support.arm_responses import make_response, status_response
from support.scripted_transport import ScriptedTransport, collect, open_client

from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.image import Image, ImageSpec

CLUSTER = (
    "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto"
    "/clusters/kustoCluster"
)
OPERATION = (
    "https://management.azure.com/subscriptions/12345678-1234-1234-1234-123456789098/providers/Microsoft.Kusto"
    "/locations/westus/operationResults/742bef43-608b-4b58-ba96-6f7a32ec5f12?api-version=2021-02-01"
)


@dataclass(frozen=True)
class Sample:
    """`request`, `updated` (200) and `created` (201) are the bodies of the reference; `sent` is the client's."""

    name: str
    url: str
    spec: ImageSpec
    sent: bytes
    request: str
    updated: str
    created: str


LANGUAGE_VERSION = Sample(
    name="customImage8",
    url=f"https://management.azure.com{CLUSTER}/sandboxCustomImages/customImage8?api-version=2024-04-13",
    spec=ImageSpec("Requests", python_version="3.10.8"),
    sent=b'{"properties":{"language":"Python","languageVersion":"3.10.8","requirementsFileContent":"Requests"}}',
    request="""{
"properties": {
"language": "Python",
"languageVersion": "3.10.8",
"requirementsFileContent": "Requests"
}
}""",
    updated="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage8",
"name": "kustoCluster/customImage8",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"languageVersion": "3.10.8",
"requirementsFileContent": "Requests",
"provisioningState": "Accepted"
}
}""",  # noqa: E501
    created="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage8",
"name": "kustoCluster/customImage8",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"languageVersion": "3.10.8",
"requirementsFileContent": "Requests",
"provisioningState": "Creating"
}
}""",  # noqa: E501
)

CUSTOM_BASE_IMAGE = Sample(
    name="customImage2",
    url=f"https://management.azure.com{CLUSTER}/sandboxCustomImages/customImage2?api-version=2024-04-13",
    spec=ImageSpec("Requests", base_image="customImage1"),
    sent=b'{"properties":{"language":"Python","baseImageName":"customImage1","requirementsFileContent":"Requests"}}',
    request="""{
"properties": {
"language": "Python",
"baseImageName": "customImage1",
"requirementsFileContent": "Requests"
}
}""",
    updated="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage2",
"name": "kustoCluster/customImage2",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"baseImageName": "customImage1",
"requirementsFileContent": "Requests",
"provisioningState": "Succeeded"
}
}""",  # noqa: E501
    created="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage2",
"name": "kustoCluster/customImage2",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"baseImageName": "customImage1",
"requirementsFileContent": "Requests",
"provisioningState": "Creating"
}
}""",  # noqa: E501
)

MANAGED_BASE_IMAGE = Sample(
    name="customImage2",
    url=f"https://management.azure.com{CLUSTER}/sandboxCustomImages/customImage2?api-version=2024-04-13",
    spec=ImageSpec("Requests", base_image="Python3_10_8"),
    sent=b'{"properties":{"language":"Python","baseImageName":"Python3_10_8","requirementsFileContent":"Requests"}}',
    request="""{
"properties": {
"language": "Python",
"baseImageName": "Python3_10_8",
"requirementsFileContent": "Requests"
}
}""",
    updated="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage2",
"name": "kustoCluster/customImage2",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"baseImageName": "Python3_10_8",
"requirementsFileContent": "Requests",
"provisioningState": "Accepted"
}
}""",  # noqa: E501
    created="""{
"id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/customImage2",
"name": "kustoCluster/customImage2",
"type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
"properties": {
"language": "Python",
"baseImageName": "Python3_10_8",
"requirementsFileContent": "Requests",
"provisioningState": "Creating"
}
}""",  # noqa: E501
)

SAMPLES = [LANGUAGE_VERSION, CUSTOM_BASE_IMAGE, MANAGED_BASE_IMAGE]
IDS = ["language version", "custom base image", "managed base image"]


def succeeded_resource(body: str) -> dict[str, object]:
    """Return the resource as a later GET returns it: succeeded, and the language in capitals (seen)."""
    document: dict[str, dict[str, str]] = json.loads(body)
    document["properties"] |= {"provisioningState": "Succeeded", "language": "PYTHON"}
    return {**document}


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [200, 201])
@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
async def test_sample_is_sent_and_polled_to_its_end(sample: Sample, code: int) -> None:
    body = sample.updated if code == 200 else sample.created
    script = ScriptedTransport(
        make_response(body.encode(), code, {"azure-asyncoperation": OPERATION}),
        status_response("Running"),
        status_response("Succeeded"),
        make_response(succeeded_resource(body)),
    )
    async with open_client(script) as client:
        operations = await collect(client.create_or_update_stream(sample.name, sample.spec))

    put = script.requests[0]
    assert (put.method, put.url, put.body) == ("PUT", sample.url, sample.sent)
    assert put.headers["content-type"] == "application/json"
    assert json.loads(put.body) == json.loads(sample.request)
    assert script.request_lines[1:] == [f"GET {OPERATION}", f"GET {OPERATION}", f"GET {sample.url}"]
    assert [request.body for request in script.requests[1:]] == [b"", b"", b""]

    phases = [operation.state for operation in operations]
    assert phases == [
        BuildState.SUBMITTING,
        BuildState.BUILDING,
        BuildState.BUILDING,
        BuildState.CONFIRMING,
        BuildState.SUCCEEDED,
    ]
    assert operations[1].status == json.loads(body)["properties"]["provisioningState"]
    assert operations[-1].image == Image(
        name=sample.name,
        language="PYTHON",
        language_version=sample.spec.python_version or "",
        base_image=sample.spec.base_image or "",
        requirements="Requests",
        state="Succeeded",
    )
    assert operations[-1].note == ""


def test_samples_have_the_api_version_of_the_client() -> None:
    assert API_VERSION == "2024-04-13"


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_sample_equals_the_request_body_except_whitespace(sample: Sample) -> None:
    assert sample.spec.to_body() == sample.sent
    assert json.loads(sample.sent) == json.loads(sample.request)
    assert list(json.loads(sample.sent)["properties"]) == list(json.loads(sample.request)["properties"])
