"""The emulator against the observed traffic: every status, header and body."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from support.emulated import BUILD, EmulatorTransport, error_of, on_disk

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
OBSERVED_TEXT = "Requests\n urllib3"
REFERENCE = EmulatorConfig(
    subscription="12345678-1234-1234-1234-123456789098",
    resource_group="kustorptest",
    cluster="kustoCluster",
    build_seconds=BUILD,
)


async def test_a_new_image_is_created_as_observed() -> None:
    wire = EmulatorTransport()
    answer = await wire.put("testimage", languageVersion="3.9.7", requirementsFileContent=OBSERVED_TEXT)

    assert answer.status_code == 201
    assert "Location" not in answer.headers
    assert "Retry-After" not in answer.headers
    image_id = wire.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/testimage"
    properties = {
        "language": "Python",
        "languageVersion": "3.9.7",
        "requirementsFileContent": OBSERVED_TEXT,
        "provisioningState": "Creating",
    }
    body = {
        "id": image_id,
        "name": f"{wire.ready.cluster}/testimage",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": properties,
    }
    assert answer.json() == body
    wire.clock.move(BUILD)
    shown = await wire.send("GET", "/sandboxCustomImages/testimage")
    assert shown.status_code == 200
    assert shown.json() == body | {"properties": properties | {"language": "PYTHON", "provisioningState": "Succeeded"}}
    assert (await wire.send("GET", "/sandboxCustomImages")).json() == {"value": [shown.json()]}


async def test_the_status_of_a_build_is_as_observed() -> None:
    wire = EmulatorTransport()
    answer = await wire.put("a")
    wire.clock.move(BUILD - 1)
    first, second = await wire.follow(answer), await wire.follow(answer)

    assert (first.status_code, first.content) == (200, second.content)
    running = first.json()
    name = running["name"]
    prefix = f"/subscriptions/{wire.ready.subscription}/providers/Microsoft.Kusto/locations/East US"
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
    wire.clock.move(1)
    done = (await wire.follow(answer)).json()
    assert done == running | {
        "status": "Succeeded",
        "endTime": start.replace("T12:08", "T12:13"),
        "percentComplete": 1.0,
        "properties": running["properties"] | {"provisioningState": "Succeeded", "operationState": "Completed"},
    }


async def test_the_poll_url_is_long_signed_and_carries_the_callers_version() -> None:
    wire = EmulatorTransport()
    answer = await wire.put("a", "2025-02-14")
    url = answer.headers["Azure-AsyncOperation"]

    assert 3700 < len(url) < 4200
    assert "/locations/East%20US/operationResults/" in url
    query = parse_qs(urlsplit(url).query)
    assert list(query) == ["api-version", "t", "c", "s", "h"]
    assert query["api-version"] == ["2025-02-14"]
    assert "/locations/East US/" in (await EmulatorTransport().put("a", "2023-08-15")).headers["Azure-AsyncOperation"]


async def test_a_changed_signature_is_refused_and_none_is_served() -> None:
    wire = EmulatorTransport()
    url = (await wire.put("a")).headers["Azure-AsyncOperation"]
    changed = await wire.http.get(url[:-1] + ("A" if url[-1] != "A" else "B"), headers=wire.headers)
    without = await wire.http.get(url.partition("&")[0], headers=wire.headers)

    assert (changed.status_code, error_of(changed)["code"]) == (403, "AuthorizationFailed")
    assert without.json()["status"] == "Running"


async def test_the_ids_of_an_operation_are_constant() -> None:
    wire = EmulatorTransport()
    answer = await wire.put("a")
    first, second = await wire.follow(answer), await wire.follow(answer)

    activity = "x-ms-operation-root-activity-id"
    assert first.headers[activity] == second.headers[activity]
    identifier = first.headers["x-ms-operation-identifier"]
    assert re.fullmatch(r"tenantId=[-0-9a-f]{36},objectId=[-0-9a-f]{36}/eastus/[-0-9a-f]{36}", identifier)
    assert first.headers["x-ms-request-id"] != second.headers["x-ms-request-id"]


async def test_every_answer_has_arm_s_ids() -> None:
    wire = EmulatorTransport()
    wire.headers |= {"x-ms-client-request-id": "mine"}
    answer = await wire.send("GET", "/sandboxCustomImages/none")
    correlation = answer.headers["x-ms-correlation-request-id"]

    assert answer.headers["x-ms-routing-request-id"] == f"EASTUS:20241127T120801Z:{correlation}"
    assert "x-ms-client-request-id" not in answer.headers
    wire.headers |= {"x-ms-return-client-request-id": "true"}
    assert (await wire.send("GET", "")).headers["x-ms-client-request-id"] == "mine"


async def test_an_update_by_put_answers_200_and_is_not_finished() -> None:
    wire = EmulatorTransport()
    await wire.built("a")
    answer = await wire.put("A", languageVersion="3.9.7")

    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert answer.json()["name"].endswith("/a")
    assert answer.json()["properties"] == {
        "language": "Python",
        "languageVersion": "3.9.7",
        "provisioningState": "Accepted",
    }
    assert (await wire.follow(answer)).json()["status"] == "Running"
    shown = (await wire.send("GET", "/sandboxCustomImages/a")).json()["properties"]
    assert shown == {"language": "PYTHON", "languageVersion": "3.9.7", "provisioningState": "Running"}


async def test_a_patch_answers_202_and_keeps_what_it_does_not_name() -> None:
    wire = EmulatorTransport()
    await wire.built("a", languageVersion="3.10.8", requirementsFileContent="Pillow")
    body = {"properties": {"language": "Python", "baseImageName": "Python3_10_8_DL"}}
    answer = await wire.send("PATCH", "/sandboxCustomImages/a", json=body)

    assert answer.status_code == 202
    assert "&operationResultResponseType=Location&t=" in answer.headers["Location"]
    assert "operationResultResponseType" not in answer.headers["Azure-AsyncOperation"]
    assert "Retry-After" not in answer.headers
    assert answer.json()["properties"] == {
        "language": "Python",
        "baseImageName": "Python3_10_8_DL",
        "requirementsFileContent": "Pillow",
        "provisioningState": "Accepted",
    }


async def test_a_deletion_has_no_body_and_both_forms_of_its_result() -> None:
    wire = EmulatorTransport()
    await wire.built("a")
    answer = await wire.send("DELETE", "/sandboxCustomImages/a")

    assert (answer.status_code, answer.content) == (202, b"")
    location = answer.headers["Location"]
    assert list(parse_qs(urlsplit(location).query))[:3] == ["api-version", "operationResultResponseType", "t"]
    running = await wire.follow(answer, "Location")
    assert (running.status_code, running.content, running.headers["Location"]) == (202, b"", location)
    assert (await wire.follow(answer)).json()["properties"]["operationKind"] == "SandboxCustomImageDeleteCommand"
    state = (await wire.send("GET", "/sandboxCustomImages/a")).json()["properties"]["provisioningState"]
    assert state == "Deleting"
    wire.clock.move(20)
    done = await wire.follow(answer, "Location")
    assert (done.status_code, done.content) == (200, b"")
    assert (await wire.send("GET", "/sandboxCustomImages/a")).status_code == 404
    assert (await wire.send("DELETE", "/sandboxCustomImages/a")).status_code == 204


async def test_changing_an_image_that_changes_is_a_conflict() -> None:
    wire = EmulatorTransport()
    await wire.put("a")
    body = {"properties": {"language": "Python"}}
    put = await wire.put("a")
    patch = await wire.send("PATCH", "/sandboxCustomImages/a", json=body)
    delete = await wire.send("DELETE", "/sandboxCustomImages/a")

    assert [answer.status_code for answer in (put, patch, delete)] == [409, 409, 409]
    image_id = wire.cluster.replace("/clusters/", "/Clusters/") + "/SandboxCustomImages/a"
    message = (
        f"Cannot modify resource with id '{image_id}' because the resource entity provisioning state is not terminal. "
        "Please wait for the provisioning state to become terminal and then retry the request."
    )
    assert error_of(put) == {"code": "RequestConflict", "message": message}


async def test_a_second_change_of_the_cluster_is_accepted_and_fails() -> None:
    wire = EmulatorTransport()
    first = await wire.put("a")
    second = await wire.put("b")

    assert second.status_code == 201
    failed = await wire.follow(second)
    assert failed.status_code == 200
    document = failed.json()
    assert document["status"] == "Failed"
    assert document["percentComplete"] == 1.0
    assert document["properties"] == {
        "operationKind": "SandboxCustomImageCreateOrUpdateCommand",
        "operationState": "BadInput",
    }
    assert document["error"] == {
        "code": "ServiceIsInMaintenance",
        "message": f"[Conflict] Cluster '{wire.ready.cluster}' is in process of maintenance for a short period. You "
        "may retry to invoke the operation in a few minutes.",
    }
    assert (await wire.send("GET", "/sandboxCustomImages/b")).status_code == 404
    wire.clock.move(BUILD)
    assert (await wire.follow(first)).json()["status"] == "Succeeded"
    assert (await wire.put("b")).status_code == 201


async def test_names_are_checked_for_being_free() -> None:
    wire = EmulatorTransport()
    await wire.built("sandboxCustomImage1")
    path = "/sandboxCustomImagesCheckNameAvailability"
    kind = {"type": "Microsoft.Kusto/Clusters/sandboxCustomImages"}
    free = await wire.send("POST", path, json=kind | {"name": "test-name-avilability"})
    taken = await wire.send("POST", path, json=kind | {"name": "SandboxCustomImage1"})
    other = await wire.send("POST", path, json={"type": "Microsoft.Kusto/clusters/databases", "name": "x"})
    half = await wire.send("POST", path, json={"name": "x"})

    assert free.json() == {"name": "test-name-avilability", "nameAvailable": True, "message": ""}
    assert taken.json() == {
        "name": "SandboxCustomImage1",
        "nameAvailable": False,
        "message": "Name 'SandboxCustomImage1' is already taken. Please specify a different name",
    }
    assert (other.status_code, half.status_code) == (400, 400)


async def test_a_custom_image_can_be_the_base_of_another_but_not_of_itself() -> None:
    wire = EmulatorTransport()
    await wire.built("base", baseImageName="Python3_11_7")
    await wire.built("top", baseImageName="BASE", requirementsFileContent="x")
    itself = await wire.put("base", baseImageName="top")
    new = await wire.put("new", baseImageName="new")

    assert (itself.status_code, new.status_code) == (400, 400)
    assert error_of(itself)["message"] == "The image 'base' cannot be its own base image."
    assert error_of(new)["message"].startswith("Invalid languageExtensionImageName `new`.")


async def test_the_first_api_version_has_no_base_and_shows_a_display_name() -> None:
    wire = EmulatorTransport()
    await wire.built("a", baseImageName="Python3_10_8")
    old = (await wire.send("GET", "/sandboxCustomImages/a", "2023-08-15")).json()

    assert old["displayName"] == "a"
    assert old["properties"] == {"language": "PYTHON", "provisioningState": "Succeeded"}
    assert (await wire.put("b", "2023-08-15", baseImageName="Python3_10_8")).status_code == 400


@pytest.mark.parametrize(
    ("image", "given"),
    [
        ("customImage8", {"languageVersion": "3.10.8", "requirementsFileContent": "Requests"}),
        ("customImage2", {"baseImageName": "customImage1", "requirementsFileContent": "Requests"}),
        ("customImage2", {"baseImageName": "Python3_10_8", "requirementsFileContent": "Requests"}),
    ],
)
async def test_the_samples_of_the_reference(image: str, given: dict[str, str]) -> None:
    wire = EmulatorTransport(REFERENCE)
    await wire.built("customImage1")
    created = await wire.put(image, **given)

    expected = {
        "id": "/subscriptions/12345678-1234-1234-1234-123456789098/resourceGroups/kustorptest/providers/"
        f"Microsoft.Kusto/Clusters/kustoCluster/SandboxCustomImages/{image}",
        "name": f"kustoCluster/{image}",
        "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
        "properties": {"language": "Python", **given, "provisioningState": "Creating"},
    }
    assert (created.status_code, created.json()) == (201, expected)
    wire.clock.move(BUILD)
    updated = await wire.put(image, **given)
    expected["properties"] = {"language": "Python", **given, "provisioningState": "Accepted"}
    assert (updated.status_code, updated.json()) == (200, expected)


async def test_a_restart_forgets_no_image_and_no_running_build(tmp_path: Path) -> None:
    wire = EmulatorTransport(on_disk(tmp_path))
    await wire.built("done")
    answer = await wire.put("running")
    again = wire.restarted()

    assert (await again.follow(answer)).json()["status"] == "Running"
    again.clock.move(BUILD)
    third = again.restarted()
    assert (await third.follow(answer)).json()["status"] == "Succeeded"
    images = (await third.send("GET", "/sandboxCustomImages")).json()["value"]
    assert [image["name"].rpartition("/")[2] for image in images] == ["done", "running"]
    assert {image["properties"]["provisioningState"] for image in images} == {"Succeeded"}


async def test_paths_compare_without_case() -> None:
    wire = EmulatorTransport()
    answer = await wire.http.put(
        wire.cluster.upper() + "/SANDBOXCUSTOMIMAGES/Name",
        params={"api-version": "2024-04-13"},
        headers=wire.headers,
        json={"properties": {"language": "python", "languageVersion": "3.10.8"}},
    )

    assert answer.status_code == 201
    assert answer.json()["name"] == f"{wire.ready.cluster}/Name"
    assert (await wire.send("GET", "/sandboxcustomimages/nAME")).json()["name"].endswith("/Name")
