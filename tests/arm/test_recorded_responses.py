"""What the client makes of responses as Microsoft's public recordings of the service show them.

The bodies are those of the recordings, with other IDs and names. Each entry names its recordings: tests of
azure-powershell (PS) and azure-sdk-for-net (.NET), with their dates. The emulator has the same facts in
tests/emulator/test_recorded_facts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.arm_responses import CLUSTER_PATH, IMAGE_URL, LOCATION_URL, POLL_URL, make_response

from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import start_operation, submitting
from kusto_magic.arm.poll_target import PollTarget
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.service_errors import error_from_response
from kusto_magic.errors import BuildFailedError, ConflictError, NotFoundError, ServiceError
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.cluster import Cluster, LanguageExtension, extensions_in
from kusto_magic.models.image import Image, ImageSpec

SPEC = ImageSpec("Requests\n urllib3", python_version="3.10.8")
CLUSTER_ID = CLUSTER_PATH.replace("/clusters/", "/Clusters/")
RAW_SPACE = POLL_URL.replace("East%20US", "East US")
LONG = POLL_URL.replace("CERTIFICATExyz", "x" * 3500)
IDS = {
    "x-ms-request-id": "0b82a10a-a3d2-4708-ac73-4ae55e2cd6e7",
    "x-ms-correlation-request-id": "e36025c9-f86f-45be-b4e0-3320fbc0691f",
    "x-ms-routing-request-id": "ISRAELCENTRAL:20241201T031529Z:e36025c9-f86f-45be-b4e0-3320fbc0691f",
}


def image_body(state: str, language: str = "PYTHON", **more: Any) -> dict[str, Any]:
    return {
        "id": f"{CLUSTER_ID}/SandboxCustomImages/img",
        "name": "kustoCluster/img",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": {
            "language": language,
            "languageVersion": "3.10.8",
            "requirementsFileContent": "Requests\n urllib3",
            "provisioningState": state,
        },
        **more,
    }


def status_body(status: str, state: str, **more: Any) -> dict[str, Any]:
    """Return the body of a poll. While it runs, endTime is startTime and percentComplete 0.5."""
    running = status == "Running"
    return {
        "id": "/subscriptions/s/providers/Microsoft.Kusto/locations/East US/operationresults/g",
        "name": "g",
        "status": status,
        "startTime": "2024-11-27T12:08:01.7481303Z",
        "endTime": "2024-11-27T12:08:01.7481303Z" if running else "2024-11-27T12:13:44.917748Z",
        "percentComplete": 0.5 if running else 1.0,
        "properties": {
            "operationKind": "SandboxCustomImageCreateOrUpdateCommand",
            "provisioningState": status,
            "operationState": state,
        },
        **more,
    }


MAINTENANCE = (
    "[Conflict] Cluster 'kustoCluster' is in process of maintenance for a short period. You may retry to invoke the "
    "operation in a few minutes."
)
RUNNING = make_response(status_body("Running", "InProgress"), 200, IDS)
SUCCEEDED = make_response(status_body("Succeeded", "Completed"), 200, IDS)
FAILED = make_response(
    status_body("Failed", "Failed", error={"code": "Failed", "message": "Internal Server Error"}), 200, IDS
)
BUSY = make_response(
    status_body("Failed", "Failed", error={"code": "ServiceIsInMaintenance", "message": MAINTENANCE}), 200, IDS
)

# ── the first response ──────────────────────────────────────────────────────────────────────────────────────────────

STARTED: Mapping[str, tuple[Action, ArmResponse, BuildState, PollTarget, str]] = {
    "PUT of a new image: 201 (PS 2024-11-27, 2026-05-18)": (
        Action.BUILD,
        make_response(image_body("Creating", "Python"), 201, {"azure-asyncoperation": POLL_URL}),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "PUT of an existing image: 200 and not finished (PS 2023-10-19, .NET 2024-12-12)": (
        Action.BUILD,
        make_response(image_body("Accepted", "Python"), 200, {"azure-asyncoperation": POLL_URL}),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
    "raw space in the region (PS 2023-10-19)": (
        Action.BUILD,
        make_response(image_body("Creating", "Python"), 201, {"azure-asyncoperation": RAW_SPACE}),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        RAW_SPACE,
    ),
    "URL of 4,000 characters (all)": (
        Action.BUILD,
        make_response(image_body("Creating", "Python"), 201, {"azure-asyncoperation": LONG}),
        BuildState.BUILDING,
        PollTarget.OPERATION,
        LONG,
    ),
    "DELETE: 202 without a body (PS 2023-10-19, 2024-11-27)": (
        Action.DELETE,
        make_response(b"", 202, {"azure-asyncoperation": POLL_URL, "location": LOCATION_URL}),
        BuildState.DELETING,
        PollTarget.OPERATION,
        POLL_URL,
    ),
}


@pytest.mark.parametrize("name", STARTED)
def test_first_response_starts_the_operation(name: str) -> None:
    action, response, phase, target, url = STARTED[name]
    started = start_operation(submitting(action, IMAGE_URL, SPEC), response)

    assert (started.state, started.poll_target, started.poll_url) == (phase, target, url)
    assert started.delay is None  # Retry-After was never sent


# ── polls ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def building() -> Operation:
    headers = {"azure-asyncoperation": POLL_URL}
    response = make_response(image_body("Creating", "Python"), 201, headers)
    return start_operation(submitting(Action.BUILD, IMAGE_URL, SPEC), response)


def test_percent_and_end_time_of_a_running_operation_mean_nothing() -> None:
    polled = building().advance(RUNNING)
    assert (polled.state, polled.status, polled.poll_url) == (BuildState.BUILDING, "Running", POLL_URL)


def test_success_is_confirmed_by_the_image() -> None:
    confirming = building().advance(SUCCEEDED)
    assert (confirming.state, confirming.poll_target) == (BuildState.CONFIRMING, PollTarget.IMAGE)
    done = confirming.advance(make_response(image_body("Succeeded")))
    assert (done.state, done.image) == (BuildState.SUCCEEDED, Image.from_json(image_body("Succeeded")))


def test_deletion_ends_with_its_location_without_a_body() -> None:
    response = make_response(b"", 202, {"location": LOCATION_URL})
    deleting = start_operation(submitting(Action.DELETE, IMAGE_URL), response)
    assert deleting.poll_target is PollTarget.LOCATION
    assert deleting.advance(make_response(b"", 202)).state is BuildState.DELETING  # SPEC while it runs
    assert deleting.advance(make_response(b"", 200)).state is BuildState.DELETED


def test_only_recorded_failure_is_shown_with_code_message_and_request_id() -> None:
    """A language extension in 2022: all states are Failed, and the error is beside the properties."""
    failed = building().advance(FAILED)
    assert (failed.state, failed.is_cluster_busy) == (BuildState.FAILED, False)
    with pytest.raises(BuildFailedError) as caught:
        failed.raise_for_failure()
    for shown in ("Internal Server Error", IDS["x-ms-request-id"]):
        assert shown in str(caught.value)


def test_maintenance_means_that_the_cluster_is_busy() -> None:
    failed = building().advance(BUSY)
    assert (failed.state, failed.is_cluster_busy) == (BuildState.FAILED, True)
    assert failed.fault is not None
    assert failed.fault.message == MAINTENANCE


def test_activity_id_of_polls_is_kept_for_support() -> None:
    headers = {**IDS, "x-ms-operation-root-activity-id": "7c3b2b1e-8f4e-4a55-9d0b-0d6b8f3a0d11"}
    fault = make_response(status_body("Failed", "Failed", error={"code": "Failed"}), 200, headers).fault()
    assert (fault.request_id, fault.activity_id) == (
        IDS["x-ms-request-id"],
        headers["x-ms-operation-root-activity-id"],
    )


# ── resources ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        image_body("Succeeded", "Python"),
        image_body("Succeeded", "PYTHON"),
        image_body("Succeeded", "PYTHON", displayName="img"),
    ],
    ids=["PUT", "GET", "GET of 2023-08-15 with displayName"],
)
def test_image_is_the_same_in_each_spelling(body: Mapping[str, Any]) -> None:
    image = Image.from_json(body)

    assert (image.name, image.language_version, image.state) == ("img", "3.10.8", "Succeeded")
    assert image.requirements == "Requests\n urllib3"
    assert image.matches(SPEC)


CLUSTER_PROPERTIES: Mapping[str, Any] = {
    "state": "Running", "stateReason": "", "uri": "https://kustoCluster.eastus.kusto.windows.net",
    "dataIngestionUri": "https://ingest-kustoCluster.eastus.kusto.windows.net", "trustedExternalTenants": [],
    "virtualNetworkConfiguration": None, "optimizedAutoscale": None, "enableDiskEncryption": False,
    "enableStreamingIngest": False, "keyVaultProperties": None,
    "languageExtensions": {"value": [
        {"languageExtensionName": "R", "languageExtensionImageName": "R", "languageExtensionCustomImageName": None},
        {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_6_5",
         "languageExtensionCustomImageName": None},
    ]},
    "enablePurge": None, "enableDoubleEncryption": False, "engineType": "V3", "acceptedAudiences": [],
    "restrictOutboundNetworkAccess": "Disabled", "allowedFqdnList": [],
    "calloutPolicies": [{"calloutUriRegex": "*", "calloutType": 0, "outboundAccess": 0, "calloutId": "*_kusto"}],
    "publicNetworkAccess": "Enabled", "allowedIpRangeList": [], "enableAutoStop": True, "publicIPType": "IPv4",
    "virtualClusterGraduationProperties": None, "privateEndpointConnections": [], "migrationCluster": None,
    "zoneStatus": "NonZonal", "provisioningState": "Succeeded",
}  # fmt: skip
"""PS 2024-11-27."""


def test_cluster_is_read_from_the_complete_body() -> None:
    body = {
        "id": CLUSTER_ID,
        "name": "kustoCluster",
        "type": "Microsoft.Kusto/Clusters",
        "etag": '"2024-11-27T11:02:23.7362666Z"',
        "location": "East US",
        "sku": {"name": "Standard_E2ads_v5", "tier": "Standard", "capacity": 2},
        "tags": {"NRMS.KustoPlatform.Classification.1P": "Default"},
        "properties": CLUSTER_PROPERTIES,
        "identity": {"principalId": "p", "tenantId": "t", "type": "SystemAssigned"},
    }
    cluster = Cluster.from_json(body)

    assert (cluster.location, cluster.state, cluster.provisioning) == ("East US", "Running", "Succeeded")
    assert (cluster.sku, cluster.resource_group) == ("Standard_E2ads_v5", "kustorptest")
    assert [(each.language, each.name) for each in cluster.extensions] == [("R", "R"), ("PYTHON", "Python3_6_5")]


def test_list_of_extensions_names_no_image() -> None:
    """PS 2024-11-27: three minutes after the GET of the cluster that names the images."""
    listed = {"value": [{"languageExtensionName": "PYTHON"}, {"languageExtensionName": "R"}]}
    assert extensions_in(listed) == (LanguageExtension("PYTHON"), LanguageExtension("R"))


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

INVALID_NAME = (
    "Invalid languageExtensionImageName `Python_Custom_Image`. Supported image names are: `Python3_6_5, Python3_10_8, "
    "Python3_10_8_DL, PythonCustomImage`"
)
NOT_TERMINAL = (
    "Cannot modify resource with id 'x' because the resource entity provisioning state is not terminal. Please wait "
    "for the provisioning state to become terminal and then retry the request."
)
ERRORS: Mapping[str, tuple[int, str, str, type[ServiceError]]] = {
    "missing image (PS 2023-10-19)": (
        404,
        "ResourceNotFound",
        f"The resource with identifier '{CLUSTER_ID}/SandboxCustomImages/none' is not found.",
        NotFoundError,
    ),
    "wrong image name (PS)": (
        400,
        "BadRequest",
        INVALID_NAME,
        ServiceError,
    ),
    "wrong capacity (PS 2024-11-27)": (
        400,
        "BadRequest",
        "Invalid SKU capacity provided, the SKU Standard_E2ads_v5 should be between 2 and 1000",
        ServiceError,
    ),
    "image that is being changed (reported)": (
        409,
        "RequestConflict",
        NOT_TERMINAL,
        ConflictError,
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_has_the_code_and_message_of_the_service(name: str) -> None:
    status, code, message, kind = ERRORS[name]
    response = make_response({"error": {"code": code, "message": message}}, status, IDS)
    error = error_from_response(response, "the request was refused")

    assert isinstance(error, kind)
    assert response.fault().code == code
    assert message.rpartition("'")[2] in str(error)
    assert IDS["x-ms-request-id"] in str(error)
