"""Tests of the emulated changes of clusters, and of the provider's lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport, error_body, persistent_config

from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
CHANGE_SECONDS = 3 * BUILD_SECONDS
BODY = {"location": "westeurope", "sku": {"name": "Standard_L8s_v3", "tier": "Standard", "capacity": 3}}
PYTHON = {"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"}


async def finish(emulator: EmulatorTransport, response: httpx.Response, status: str = "Succeeded") -> None:
    """Move the clock to the end of a change and check its status."""
    emulator.clock.move(CHANGE_SECONDS)
    assert (await emulator.poll(response)).json()["status"] == status


async def read(emulator: EmulatorTransport) -> Any:
    response = await emulator.send("GET", "")
    assert response.status_code == 200
    return response.json()


async def names(emulator: EmulatorTransport) -> list[str]:
    url, query = emulator.cluster.rpartition("/")[0], {"api-version": "2024-04-13"}
    listed = await emulator.http.get(url, params=query, headers=emulator.headers)
    return [cluster["name"] for cluster in listed.json()["value"]]


async def create(emulator: EmulatorTransport, name: str = "created") -> EmulatorTransport:
    other = emulator.for_cluster(name)
    response = await other.send("PUT", "", json=BODY)
    assert response.status_code == 201
    await finish(other, response)
    return other


async def test_cluster_is_created_used_and_deleted() -> None:
    emulator = EmulatorTransport()
    created = emulator.for_cluster("created")
    started = await created.send("PUT", "", json=BODY | {"tags": {"a": "b"}})
    assert started.status_code == 201
    assert started.json()["properties"]["provisioningState"] == "Creating"
    await finish(created, started)
    body = await read(created)
    assert (body["location"], body["sku"], body["tags"]) == ("West Europe", BODY["sku"], {"a": "b"})
    assert body["properties"]["uri"] == "http://127.0.0.1:8080/clusters/created"
    assert body["properties"]["dataIngestionUri"] == "https://ingest-created.westeurope.kusto.windows.net"
    assert await names(emulator) == ["emulatedcluster", "created"]

    await created.build("mine")
    deleted = await created.send("DELETE", "")
    assert (deleted.status_code, deleted.content) == (202, b"")
    assert (await read(created))["properties"]["state"] == "Deleting"
    await finish(created, deleted)
    assert (await created.poll(deleted, "Location")).status_code == 200
    assert (await created.send("GET", "")).status_code == 404
    assert (await created.send("DELETE", "")).status_code == 204
    assert await names(emulator) == ["emulatedcluster"]
    again = await create(emulator)
    assert (await again.send("GET", "/sandboxCustomImages")).json() == {"value": []}


async def test_created_cluster_survives_a_restart_and_a_deleted_one_of_the_configuration_returns(
    tmp_path: Path,
) -> None:
    emulator = EmulatorTransport(persistent_config(tmp_path))
    await create(emulator)
    await emulator.build("mine")
    await finish(emulator, await emulator.send("DELETE", ""))
    assert await names(emulator) == ["created"]

    restarted = emulator.restart()
    assert await names(restarted) == ["emulatedcluster", "created"]
    assert (await read(restarted.for_cluster("created")))["sku"] == BODY["sku"]
    assert (await restarted.send("GET", "/sandboxCustomImages")).json() == {"value": []}


async def test_put_replaces_tags_and_disables_extensions_that_it_omits() -> None:
    emulator = EmulatorTransport()
    await finish(emulator, await emulator.send("POST", "/addLanguageExtensions", json={"value": [PYTHON]}))
    with_python = BODY | {"properties": {"languageExtensions": {"value": [PYTHON]}, "enablePurge": True}}
    response = await emulator.send("PUT", "", json=with_python)
    assert (response.status_code, "Location" in response.headers) == (200, False)
    await finish(emulator, response)
    properties = (await read(emulator))["properties"]
    assert properties["enablePurge"] is True
    assert [each["languageExtensionName"] for each in properties["languageExtensions"]["value"]] == ["PYTHON"]

    await finish(emulator, await emulator.send("PUT", "", json=BODY))
    body = await read(emulator)
    assert (body["tags"], body["location"], body["properties"]["enablePurge"]) == ({}, "East US", None)
    assert body["properties"]["languageExtensions"] == {"value": []}


async def test_patch_changes_what_it_names_and_its_location_ends_with_the_cluster() -> None:
    emulator = EmulatorTransport()
    before = await read(emulator)
    change = {"sku": {"capacity": 5}, "properties": {"enableAutoStop": False, "state": "ignored"}}
    response = await emulator.send("PATCH", "", json=change)
    assert response.status_code == 202
    assert response.json()["properties"]["provisioningState"] == "Running"
    emulator.clock.move(CHANGE_SECONDS)
    result = (await emulator.poll(response, "Location")).json()

    assert result == await read(emulator)
    assert result["sku"] == before["sku"] | {"capacity": 5}
    assert result["properties"] == before["properties"] | {"enableAutoStop": False}
    assert (result["tags"], result["etag"] != before["etag"]) == (before["tags"], True)


async def test_cluster_is_stopped_and_started() -> None:
    emulator = EmulatorTransport()
    for action, during, after in (("stop", "Stopping", "Stopped"), ("start", "Starting", "Running")):
        response = await emulator.send("POST", f"/{action}")
        assert (response.status_code, (await read(emulator))["properties"]["state"]) == (202, during)
        await finish(emulator, response)
        assert (await read(emulator))["properties"]["state"] == after


async def test_change_of_the_cluster_during_a_build_fails_and_changes_nothing() -> None:
    emulator = EmulatorTransport()
    await emulator.put("mine")
    response = await emulator.send("POST", "/stop")

    assert (await emulator.poll(response)).json()["error"]["code"] == "ServiceIsInMaintenance"
    assert (await read(emulator))["properties"]["state"] == "Running"


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("PUT", "Bad-Name", BODY),
        ("PUT", "created", {"location": "eastus"}),
        ("PUT", "created", {"sku": BODY["sku"]}),
        ("PUT", "created", BODY | {"tags": []}),
        ("PUT", "created", BODY | {"sku": {"name": "Standard_L8s_v3", "capacity": True}}),
        ("PUT", "created", BODY | {"properties": {"languageExtensions": {"value": [{"languageExtensionName": "R"}]}}}),
        ("PATCH", "emulatedcluster", {"sku": []}),
        ("PATCH", "emulatedcluster", {"sku": {"capacity": 0}}),
        ("PATCH", "emulatedcluster", {"properties": []}),
    ],
)
async def test_invalid_cluster_returns_400(method: str, name: str, body: Any) -> None:
    emulator = EmulatorTransport()
    response = await emulator.for_cluster(name).send(method, "", json=body)

    assert (response.status_code, error_body(response)["code"]) == (400, "BadRequest")
    assert await names(emulator) == ["emulatedcluster"]


async def test_capacity_of_1_returns_the_recorded_text() -> None:
    sku = {"name": "Standard_E2ads_v5", "tier": "Standard", "capacity": 1}
    response = await EmulatorTransport().send("PUT", "", json={"location": "East US", "sku": sku})

    text = "Invalid SKU capacity provided, the SKU Standard_E2ads_v5 should be between 2 and 1000"
    assert error_body(response)["message"] == text


async def test_callout_policies_are_added_listed_and_removed() -> None:
    emulator = EmulatorTransport()
    policies = [
        {"calloutUriRegex": "*", "calloutType": kind, "outboundAccess": access}
        for kind, access in (("sandbox_artifacts", "Allow"), ("postgresql", "Deny"))
    ]
    await finish(emulator, await emulator.send("POST", "/addCalloutPolicies", json={"value": policies}))
    listed = (await emulator.send("POST", "/listCalloutPolicies")).json()["value"]
    assert listed == [policy | {"calloutId": f"*_{policy['calloutType']}"} for policy in policies]
    assert (await read(emulator))["properties"]["calloutPolicies"] == [
        {"calloutUriRegex": "*", "calloutType": 5, "outboundAccess": 0, "calloutId": "*_sandbox_artifacts"},
        {"calloutUriRegex": "*", "calloutType": 8, "outboundAccess": 1, "calloutId": "*_postgresql"},
    ]
    removal = await emulator.send("POST", "/removeCalloutPolicy", json={"calloutId": "*_postgresql"})
    await finish(emulator, removal)
    assert (await emulator.send("POST", "/listCalloutPolicies")).json()["value"] == listed[:1]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/migrate", {"clusterResourceId": "/subscriptions/x"}),
        ("/migrate", {}),
        ("/detachFollowerDatabases", {"clusterResourceId": "x"}),
        ("/addCalloutPolicies", {"value": []}),
        ("/addCalloutPolicies", {"value": [{"calloutUriRegex": "*", "calloutType": "ftp", "outboundAccess": "Allow"}]}),
        ("/removeCalloutPolicy", {}),
    ],
)
async def test_invalid_action_returns_400(path: str, body: Any) -> None:
    response = await EmulatorTransport().send("POST", path, json=body)

    assert (response.status_code, error_body(response)["code"]) == (400, "BadRequest")


async def test_other_actions_end_and_change_nothing() -> None:
    emulator = EmulatorTransport(EmulatorConfig(build_seconds=BUILD_SECONDS, clusters=2))
    other = emulator.for_cluster("fleet001")
    before = (await read(emulator))["properties"]
    follower = {"clusterResourceId": other.cluster, "attachedDatabaseConfigurationName": "none"}
    for path, body in (("/migrate", {"clusterResourceId": other.cluster}), ("/detachFollowerDatabases", follower)):
        await finish(emulator, await emulator.send("POST", path, json=body))
    diagnosis = await emulator.send("POST", "/diagnoseVirtualNetwork")

    assert (await emulator.poll(diagnosis, "Location")).json() == {"findings": []}
    assert (await emulator.send("GET", "/listFollowerDatabases")).json() == {"value": []}
    assert (await read(emulator))["properties"] == before


async def test_name_of_a_cluster_is_checked() -> None:
    emulator = EmulatorTransport()
    provider = f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto"
    path = f"{provider}/locations/East US/checkNameAvailability"

    async def check(name: str, kind: str = "Microsoft.Kusto/clusters") -> httpx.Response:
        body = {"name": name, "type": kind}
        query = {"api-version": "2024-04-13"}
        return await emulator.http.post(path, params=query, headers=emulator.headers, json=body)

    assert (await check("unused")).json() == {"name": "unused", "nameAvailable": True, "message": ""}
    taken = "Name 'EmulatedCluster' with type Engine is already taken. Please specify a different name"
    assert (await check("EmulatedCluster")).json()["message"] == taken
    assert (await check("unused", "Microsoft.Kusto/databases")).status_code == 400


async def test_skus_and_operations_are_listed() -> None:
    emulator = EmulatorTransport()
    query = {"api-version": "2024-04-13"}
    root = "providers/Microsoft.Kusto"

    async def get(path: str) -> Any:
        return (await emulator.http.get(path, params=query, headers=emulator.headers)).json()["value"]

    everywhere = await get(f"/subscriptions/{emulator.ready.subscription}/{root}/skus")
    east = await get(f"/subscriptions/{emulator.ready.subscription}/{root}/locations/East US/skus")
    assert {sku["locations"][0] for sku in everywhere} == {"eastus", "westeurope", "australiaeast"}
    assert east == [sku for sku in everywhere if sku["locations"] == ["eastus"]]
    assert list(east[0]) == ["resourceType", "name", "tier", "locations", "locationInfo", "restrictions"]
    of_cluster = (await emulator.send("GET", "/skus")).json()["value"]
    assert [each["sku"]["name"] for each in of_cluster] == [sku["name"] for sku in east]
    operations = await get(f"/{root}/operations")
    assert "Microsoft.Kusto/Clusters/SandboxCustomImages/write" in [each["name"] for each in operations]
    assert (await emulator.http.get(f"/{root}/operations", headers=emulator.headers)).status_code == 400


async def test_resource_graph_shows_the_changed_cluster() -> None:
    emulator = EmulatorTransport()
    response = await emulator.send("PATCH", "", json={"tags": {"team": "a"}})
    emulator.clock.move(CHANGE_SECONDS)
    await emulator.poll(response)
    found = await emulator.http.post(
        "/providers/Microsoft.ResourceGraph/resources",
        params={"api-version": "2022-10-01"},
        headers=emulator.headers,
        json={"query": "resources | where tags.team == 'a' | project name"},
    )
    assert found.json()["data"] == [{"name": "emulatedcluster"}]
