"""Tests of the emulator against observed traffic: status codes, headers and bodies."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, error_body, persistent_config

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
OBSERVED_TEXT = "Requests\n urllib3"
REFERENCE = EmulatorConfig(
    subscription="12345678-1234-1234-1234-123456789098",
    resource_group="kustorptest",
    cluster="kustoCluster",
    build_seconds=BUILD_SECONDS,
)


async def test_put_of_a_new_image_returns_201_as_observed() -> None:
    emulator = EmulatorTransport()
    response = await emulator.put("testimage", languageVersion="3.9.7", requirementsFileContent=OBSERVED_TEXT)

    assert response.status_code == 201
    assert "Location" not in response.headers
    assert "Retry-After" not in response.headers
    image_id = emulator.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/testimage"
    properties = {
        "language": "Python",
        "languageVersion": "3.9.7",
        "requirementsFileContent": OBSERVED_TEXT,
        "provisioningState": "Creating",
    }
    body = {
        "id": image_id,
        "name": f"{emulator.ready.cluster}/testimage",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": properties,
    }
    assert response.json() == body
    emulator.clock.move(BUILD_SECONDS)
    shown = await emulator.send("GET", "/sandboxCustomImages/testimage")
    assert shown.status_code == 200
    assert shown.json() == body | {"properties": properties | {"language": "PYTHON", "provisioningState": "Succeeded"}}
    assert (await emulator.send("GET", "/sandboxCustomImages")).json() == {"value": [shown.json()]}


async def test_status_of_a_build_is_as_observed() -> None:
    emulator = EmulatorTransport()
    response = await emulator.put("a")
    emulator.clock.move(BUILD_SECONDS - 1)
    first, second = await emulator.poll(response), await emulator.poll(response)

    assert (first.status_code, first.content) == (200, second.content)
    running = first.json()
    name = running["name"]
    prefix = f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto/locations/East US"
    start = running["startTime"]
    assert re.fullmatch(r"2024-11-27T12:08:01\.74813\d{0,2}Z", start)
    assert not start.endswith("0Z")
    assert running == {
        "id": f"{prefix}/operationresults/{name}",
        "name": name,
        "status": "Running",
        "startTime": start,
        "endTime": start,
        "percentComplete": 0.5,
        "properties": {
            "operationKind": "SandboxCustomImageCreateOrUpdateCommand",
            "provisioningState": "Running",
            "operationState": "InProgress",
        },
    }
    emulator.clock.move(1)
    done = (await emulator.poll(response)).json()
    assert done == running | {
        "status": "Succeeded",
        "endTime": start.replace("T12:08:01", "T12:08:21"),
        "percentComplete": 1.0,
        "properties": running["properties"] | {"provisioningState": "Succeeded", "operationState": "Completed"},
    }


async def test_poll_url_is_long_signed_and_has_the_callers_api_version() -> None:
    emulator = EmulatorTransport()
    response = await emulator.put("a", "2025-02-14")
    url = response.headers["Azure-AsyncOperation"]

    assert 3700 < len(url) < 4200
    assert "/locations/East%20US/operationResults/" in url
    query = parse_qs(urlsplit(url).query)
    assert list(query) == ["api-version", "t", "c", "s", "h"]
    assert query["api-version"] == ["2025-02-14"]
    assert "/locations/East US/" in (await EmulatorTransport().put("a", "2023-08-15")).headers["Azure-AsyncOperation"]


async def test_modified_signature_returns_403_and_missing_signature_200() -> None:
    emulator = EmulatorTransport()
    url = (await emulator.put("a")).headers["Azure-AsyncOperation"]
    changed = await emulator.http.get(url[:-1] + ("A" if url[-1] != "A" else "B"), headers=emulator.headers)
    without = await emulator.http.get(url.partition("&")[0], headers=emulator.headers)

    assert (changed.status_code, error_body(changed)["code"]) == (403, "AuthorizationFailed")
    assert without.json()["status"] == "Running"


async def test_activity_id_is_constant_and_the_end_of_the_identifier_is_new_with_each_request() -> None:
    emulator = EmulatorTransport()
    response = await emulator.put("a")
    first, second = await emulator.poll(response), await emulator.poll(response)

    activity = "x-ms-operation-root-activity-id"
    assert first.headers[activity] == second.headers[activity]
    identifiers = [each.headers["x-ms-operation-identifier"] for each in (response, first, second)]
    for identifier in identifiers:
        assert re.fullmatch(r"tenantId=[-0-9a-f]{36},objectId=[-0-9a-f]{36}/eastus/[-0-9a-f]{36}", identifier)
    assert len({identifier.rpartition("/")[0] for identifier in identifiers}) == 1
    assert len(set(identifiers)) == 3
    assert first.headers["x-ms-request-id"] != second.headers["x-ms-request-id"]


async def test_every_response_has_arm_request_ids() -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"x-ms-client-request-id": "mine"}
    response = await emulator.send("GET", "/sandboxCustomImages/none")
    correlation = response.headers["x-ms-correlation-request-id"]

    assert response.headers["x-ms-routing-request-id"] == f"EASTUS:20241127T120801Z:{correlation}"
    assert "x-ms-client-request-id" not in response.headers
    emulator.headers |= {"x-ms-return-client-request-id": "true"}
    assert (await emulator.send("GET", "")).headers["x-ms-client-request-id"] == "mine"


async def test_put_of_an_existing_image_returns_200_while_running() -> None:
    emulator = EmulatorTransport()
    await emulator.build("a")
    response = await emulator.put("A", languageVersion="3.9.7")

    assert response.status_code == 200
    assert "Location" not in response.headers
    assert response.json()["name"].endswith("/a")
    assert response.json()["properties"] == {
        "language": "Python",
        "languageVersion": "3.9.7",
        "provisioningState": "Accepted",
    }
    assert (await emulator.poll(response)).json()["status"] == "Running"
    shown = (await emulator.send("GET", "/sandboxCustomImages/a")).json()["properties"]
    assert shown == {"language": "PYTHON", "languageVersion": "3.9.7", "provisioningState": "Running"}


async def test_patch_returns_202_and_keeps_other_properties() -> None:
    emulator = EmulatorTransport()
    await emulator.build("a", languageVersion="3.10.8", requirementsFileContent="Pillow")
    body = {"properties": {"language": "Python", "baseImageName": "Python3_10_8_DL"}}
    response = await emulator.send("PATCH", "/sandboxCustomImages/a", json=body)

    assert response.status_code == 202
    assert "&operationResultResponseType=Location&t=" in response.headers["Location"]
    assert "operationResultResponseType" not in response.headers["Azure-AsyncOperation"]
    assert "Retry-After" not in response.headers
    assert response.json()["properties"] == {
        "language": "Python",
        "baseImageName": "Python3_10_8_DL",
        "requirementsFileContent": "Pillow",
        "provisioningState": "Accepted",
    }


async def test_delete_returns_202_with_location_and_async_operation() -> None:
    emulator = EmulatorTransport()
    await emulator.build("a")
    response = await emulator.send("DELETE", "/sandboxCustomImages/a")

    assert (response.status_code, response.content) == (202, b"")
    location = response.headers["Location"]
    assert list(parse_qs(urlsplit(location).query))[:3] == ["api-version", "operationResultResponseType", "t"]
    running = await emulator.poll(response, "Location")
    assert (running.status_code, running.content, running.headers["Location"]) == (202, b"", location)
    assert (await emulator.poll(response)).json()["properties"]["operationKind"] == "SandboxCustomImageDeleteCommand"
    state = (await emulator.send("GET", "/sandboxCustomImages/a")).json()["properties"]["provisioningState"]
    assert state == "Deleting"
    emulator.clock.move(20)
    done = await emulator.poll(response, "Location")
    assert (done.status_code, done.content) == (200, b"")
    assert (await emulator.send("GET", "/sandboxCustomImages/a")).status_code == 404
    assert (await emulator.send("DELETE", "/sandboxCustomImages/a")).status_code == 204


async def test_change_of_a_changing_image_returns_409() -> None:
    emulator = EmulatorTransport()
    await emulator.put("a")
    body = {"properties": {"language": "Python"}}
    put = await emulator.put("a")
    patch = await emulator.send("PATCH", "/sandboxCustomImages/a", json=body)
    delete = await emulator.send("DELETE", "/sandboxCustomImages/a")

    assert [response.status_code for response in (put, patch, delete)] == [409, 409, 409]
    image_id = emulator.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/a"
    message = (
        f"Cannot modify resource with id '{image_id}' because the resource entity provisioning state is not terminal. "
        "Please wait for the provisioning state to become terminal and then retry the request."
    )
    assert error_body(put) == {"code": "RequestConflict", "message": message}


async def test_second_change_of_the_cluster_is_accepted_and_fails() -> None:
    emulator = EmulatorTransport()
    first = await emulator.put("a")
    second = await emulator.put("b")

    assert second.status_code == 201
    failed = await emulator.poll(second)
    assert failed.status_code == 200
    document = failed.json()
    assert document["status"] == "Failed"
    assert document["percentComplete"] == 1.0
    assert document["properties"] == {
        "operationKind": "SandboxCustomImageCreateOrUpdateCommand",
        "provisioningState": "Failed",
        "operationState": "Failed",
    }
    assert document["error"] == {
        "code": "ServiceIsInMaintenance",
        "message": f"[Conflict] Cluster '{emulator.ready.cluster}' is in process of maintenance for a short period. "
        "You may retry to invoke the operation in a few minutes.",
    }
    assert (await emulator.send("GET", "/sandboxCustomImages/b")).status_code == 404
    emulator.clock.move(BUILD_SECONDS)
    assert (await emulator.poll(first)).json()["status"] == "Succeeded"
    assert (await emulator.put("b")).status_code == 201


async def test_check_name_availability_reports_taken_names() -> None:
    emulator = EmulatorTransport()
    await emulator.build("sandboxCustomImage1")
    path = "/sandboxCustomImagesCheckNameAvailability"
    kind = {"type": "Microsoft.Kusto/Clusters/sandboxCustomImages"}
    free = await emulator.send("POST", path, json=kind | {"name": "test-name-avilability"})
    taken = await emulator.send("POST", path, json=kind | {"name": "SandboxCustomImage1"})
    other = await emulator.send("POST", path, json={"type": "Microsoft.Kusto/clusters/databases", "name": "x"})
    half = await emulator.send("POST", path, json={"name": "x"})

    assert free.json() == {"name": "test-name-avilability", "nameAvailable": True, "message": ""}
    assert taken.json() == {
        "name": "SandboxCustomImage1",
        "nameAvailable": False,
        "message": "Name 'SandboxCustomImage1' is already taken. Please specify a different name",
    }
    assert (other.status_code, half.status_code) == (400, 400)


async def test_custom_image_can_be_the_base_of_another_but_not_of_itself() -> None:
    emulator = EmulatorTransport()
    await emulator.build("base", baseImageName="Python3_11_7")
    await emulator.build("top", baseImageName="BASE", requirementsFileContent="x")
    itself = await emulator.put("base", baseImageName="top")
    new = await emulator.put("new", baseImageName="new")

    assert (itself.status_code, new.status_code) == (400, 400)
    assert "'base'" in error_body(itself)["message"]
    assert "own base image" in error_body(itself)["message"]
    assert error_body(new)["message"].startswith("Invalid languageExtensionImageName `new`.")


async def test_first_api_version_has_display_name_and_no_base_image() -> None:
    emulator = EmulatorTransport()
    await emulator.build("a", baseImageName="Python3_10_8")
    old = (await emulator.send("GET", "/sandboxCustomImages/a", "2023-08-15")).json()

    assert old["displayName"] == "a"
    assert old["properties"] == {"language": "PYTHON", "provisioningState": "Succeeded"}
    assert (await emulator.put("b", "2023-08-15", baseImageName="Python3_10_8")).status_code == 400


@pytest.mark.parametrize(
    ("image", "given"),
    [
        ("customImage8", {"languageVersion": "3.10.8", "requirementsFileContent": "Requests"}),
        ("customImage2", {"baseImageName": "customImage1", "requirementsFileContent": "Requests"}),
        ("customImage2", {"baseImageName": "Python3_10_8", "requirementsFileContent": "Requests"}),
    ],
)
async def test_samples_of_the_rest_reference_are_accepted(image: str, given: dict[str, str]) -> None:
    emulator = EmulatorTransport(REFERENCE)
    await emulator.build("customImage1")
    created = await emulator.put(image, **given)

    expected = {
        "id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/"
        f"Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/{image}",
        "name": f"kustoCluster/{image}",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": {"language": "Python", **given, "provisioningState": "Creating"},
    }
    assert (created.status_code, created.json()) == (201, expected)
    emulator.clock.move(BUILD_SECONDS)
    updated = await emulator.put(image, **given)
    expected["properties"] = {"language": "Python", **given, "provisioningState": "Accepted"}
    assert (updated.status_code, updated.json()) == (200, expected)


async def test_images_and_running_builds_are_kept_after_a_restart(tmp_path: Path) -> None:
    emulator = EmulatorTransport(persistent_config(tmp_path))
    await emulator.build("done")
    response = await emulator.put("running")
    restarted = emulator.restart()

    assert (await restarted.poll(response)).json()["status"] == "Running"
    restarted.clock.move(BUILD_SECONDS)
    third = restarted.restart()
    assert (await third.poll(response)).json()["status"] == "Succeeded"
    images = (await third.send("GET", "/sandboxCustomImages")).json()["value"]
    assert [image["name"].rpartition("/")[2] for image in images] == ["done", "running"]
    assert {image["properties"]["provisioningState"] for image in images} == {"Succeeded"}


async def test_paths_are_matched_without_case() -> None:
    emulator = EmulatorTransport()
    response = await emulator.http.put(
        emulator.cluster.upper() + "/SANDBOXCUSTOMIMAGES/Name",
        params={"api-version": "2024-04-13"},
        headers=emulator.headers,
        json={"properties": {"language": "python", "languageVersion": "3.10.8"}},
    )

    assert response.status_code == 201
    assert response.json()["name"] == f"{emulator.ready.cluster}/Name"
    assert (await emulator.send("GET", "/sandboxcustomimages/nAME")).json()["name"].endswith("/Name")
