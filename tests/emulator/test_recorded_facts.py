"""What Microsoft's public recordings of the service show, as tests of the emulator: status, header names, body keys.

Each fact names its recordings: tests of azure-powershell (PS) and azure-sdk-for-net (.NET), with their dates.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from support.emulator_transport import BUILD_SECONDS, EmulatorTransport

pytestmark = pytest.mark.asyncio
IMAGE = "/sandboxCustomImages/a"
PYTHON = {"value": [{"languageExtensionName": "PYTHON", "languageExtensionImageName": "Python3_11_7"}]}
R = {"value": [{"languageExtensionName": "R"}]}
PREFIX = "x-ms-ratelimit-remaining-subscription-"
IDENTIFIER, ACTIVITY = "x-ms-operation-identifier", "x-ms-operation-root-activity-id"
ALWAYS = {"cache-control", "x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id",
          "x-content-type-options"}  # fmt: skip
NEVER = {"retry-after", "x-ms-client-request-id"}
ERROR = ("error",)
IMAGE_KEYS = ("id", "name", "type", "properties")
OPERATION_KEYS = ("id", "name", "status", "startTime", "endTime", "percentComplete", "properties")
CLUSTER_KEYS = ("id", "name", "type", "etag", "location", "sku", "tags", "properties", "identity")
CLUSTER_PROPERTIES = (
    "state", "stateReason", "uri", "dataIngestionUri", "trustedExternalTenants", "virtualNetworkConfiguration",
    "optimizedAutoscale", "enableDiskEncryption", "enableStreamingIngest", "keyVaultProperties", "languageExtensions",
    "enablePurge", "enableDoubleEncryption", "engineType", "acceptedAudiences", "restrictOutboundNetworkAccess",
    "allowedFqdnList", "calloutPolicies", "publicNetworkAccess", "allowedIpRangeList", "enableAutoStop", "publicIPType",
    "virtualClusterGraduationProperties", "privateEndpointConnections", "migrationCluster", "zoneStatus",
    "provisioningState",
)  # fmt: skip
"""The properties of a cluster in the order of PS 2024-11-27."""

Step = Callable[[EmulatorTransport], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Fact:
    """A response of the service: `keys` are those of its JSON in order (None: no body), `inner` those below."""

    source: str
    step: Step
    status: int
    present: set[str]
    absent: set[str] = field(default_factory=set)
    keys: Sequence[str] | None = None
    inner: tuple[str, Sequence[str]] | None = None


def send(method: str, path: str, **options: Any) -> Step:
    return lambda emulator: emulator.send(method, path, **options)


def put(name: str = "a") -> Step:
    return lambda emulator: emulator.put(name)


def then(first: Step, header: str, after: float | None = None) -> Step:
    """Return a step that polls the URL in a header of the first response, `after` seconds later."""

    async def step(emulator: EmulatorTransport) -> httpx.Response:
        response = await first(emulator)
        emulator.clock.move(after or 0)
        return await emulator.poll(response, header)

    return step


def on_image(step: Step) -> Step:
    """Return a step on a cluster that has the image "a"."""

    async def built(emulator: EmulatorTransport) -> httpx.Response:
        await emulator.build("a")
        return await step(emulator)

    return built


def in_subscription(path: str) -> Step:
    """Return a GET of a path below the provider in the subscription."""

    async def moved(emulator: EmulatorTransport) -> httpx.Response:
        root = f"/subscriptions/{emulator.ready.subscription}/providers/Microsoft.Kusto"
        return await emulator.http.get(root + path, params={"api-version": "2024-04-13"}, headers=emulator.headers)

    return moved


AAO, LOCATION = "azure-asyncoperation", "location"
PATCH = send("PATCH", IMAGE, json={"properties": {"language": "Python"}})
DELETE, GET = send("DELETE", IMAGE), send("GET", IMAGE)
ADD = send("POST", "/addLanguageExtensions", json=PYTHON)
REMOVE = send("POST", "/removeLanguageExtensions", json=R)
NAME = {"name": "b", "type": "Microsoft.Kusto/clusters/sandboxCustomImages"}
RESOURCE = {f"{PREFIX}resource-requests"}
WRITES = {f"{PREFIX}{kind}" for kind in ("writes", "global-writes")}
DELETES = {f"{PREFIX}{kind}" for kind in ("deletes", "global-deletes")}
READS = {f"{PREFIX}{kind}" for kind in ("reads", "global-reads")}
STATES = ("operationKind", "provisioningState", "operationState")

FACTS = {
    "PUT of a new image": Fact(
        "PS 2024-11-27, 2026-05-18", put(), 201, {AAO, IDENTIFIER, *RESOURCE}, {LOCATION, ACTIVITY, "etag"}, IMAGE_KEYS
    ),
    "PUT of an existing image": Fact(
        "PS 2023-10-19, .NET 2024-12-12", on_image(put()), 200, {AAO, *RESOURCE}, {LOCATION, ACTIVITY}, IMAGE_KEYS
    ),
    "PATCH": Fact("PS 2024-12-01", on_image(PATCH), 202, {AAO, LOCATION, *RESOURCE}, {ACTIVITY}, IMAGE_KEYS),
    "DELETE": Fact("PS 2023-10-19, 2024-11-27", on_image(DELETE), 202, {AAO, LOCATION, *DELETES}, {ACTIVITY}),
    "GET of an image": Fact(
        "PS 2023-10-19, 2024-11-27",
        on_image(GET),
        200,
        RESOURCE,
        {"etag", ACTIVITY, AAO, LOCATION},
        IMAGE_KEYS,
        ("properties", ("language", "languageVersion", "requirementsFileContent", "provisioningState")),
    ),
    "GET of a missing image": Fact("PS 2023-10-19", GET, 404, RESOURCE, set(), ERROR, ("error", ("code", "message"))),
    "list of images": Fact("PS 2024-11-27", send("GET", "/sandboxCustomImages"), 200, RESOURCE, {"etag"}, ("value",)),
    "check of a free name": Fact(
        "PS 2024-11-27, 2026-05-18",
        send("POST", "/sandboxCustomImagesCheckNameAvailability", json=NAME),
        200,
        {IDENTIFIER, *WRITES},
        {ACTIVITY},
        ("name", "nameAvailable", "message"),
    ),
    "poll while running": Fact(
        "PS 2024-11-27",
        then(put(), AAO),
        200,
        {ACTIVITY, IDENTIFIER, *RESOURCE},
        {AAO, LOCATION},
        OPERATION_KEYS,
        ("properties", STATES),
    ),
    "poll at the end": Fact(
        "PS 2024-11-27",
        then(put(), AAO, BUILD_SECONDS),
        200,
        {ACTIVITY, IDENTIFIER, *RESOURCE},
        {AAO, LOCATION},
        OPERATION_KEYS,
        ("properties", STATES),
    ),
    "poll of a failure": Fact(
        "language extension, 2022",
        then(put(), AAO, BUILD_SECONDS),
        200,
        {ACTIVITY, *RESOURCE},
        set(),
        (*OPERATION_KEYS, "error"),
        ("properties", STATES),
    ),
    "Location at the end": Fact(
        "PS 2024-11-27", then(on_image(DELETE), LOCATION, BUILD_SECONDS), 200, {IDENTIFIER, *RESOURCE}, {ACTIVITY, AAO}
    ),
    "list of extensions": Fact(
        "PS 2024-11-27", send("POST", "/listLanguageExtensions"), 200, WRITES, {ACTIVITY}, ("value",)
    ),
    "adding an extension": Fact("PS 2024-11-27", ADD, 202, {AAO, LOCATION, *WRITES}, {ACTIVITY}),
    "removing an extension": Fact("PS 2026-05-18", REMOVE, 202, {AAO, LOCATION, IDENTIFIER, *WRITES}, {ACTIVITY}),
    "GET of the cluster": Fact(
        "PS 2024-11-27",
        send("GET", ""),
        200,
        {"etag", *RESOURCE},
        {IDENTIFIER, ACTIVITY, AAO},
        CLUSTER_KEYS,
        ("properties", CLUSTER_PROPERTIES),
    ),
    "PATCH of the cluster without a change": Fact(
        "PS 2024-12-01",
        send("PATCH", "", json={"properties": {"publicIPType": "IPv4"}}),
        200,
        {"etag", *RESOURCE},
        {AAO, LOCATION},
        CLUSTER_KEYS,
        ("properties", CLUSTER_PROPERTIES),
    ),
    "PUT of a cluster with a capacity of 1": Fact(
        "PS 2024-11-27",
        send(
            "PUT",
            "",
            json={"location": "East US", "sku": {"name": "Standard_E2ads_v5", "capacity": 1, "tier": "Standard"}},
        ),
        400,
        RESOURCE,
        {AAO},
        ERROR,
        ("error", ("code", "message")),
    ),
    "list of clusters": Fact(
        "PS 2024-11-27", in_subscription("/clusters"), 200, RESOURCE, {"etag", IDENTIFIER}, ("value",)
    ),
    "list of SKUs": Fact("PS 2024-11-27", in_subscription("/skus"), 200, READS, {IDENTIFIER}, ("value",)),
    "list of endpoints": Fact(
        "PS 2024-11-27", send("GET", "/outboundNetworkDependenciesEndpoints"), 200, READS, {IDENTIFIER}, ("value",)
    ),
}


async def conflict(_requirements: str, _python_version: str) -> str | None:
    return "conflict"


def limits(headers: set[str]) -> set[str]:
    return {header for header in headers if header.startswith(PREFIX)}


@pytest.mark.parametrize("name", FACTS)
async def test_response_has_the_recorded_status_headers_and_keys(name: str) -> None:
    fact = FACTS[name]
    emulator = EmulatorTransport(resolver=conflict) if name == "poll of a failure" else EmulatorTransport()
    response = await fact.step(emulator)
    headers = {header for header in response.headers if header != "www-authenticate"}

    assert response.status_code == fact.status
    assert not (fact.present | ALWAYS) - headers
    assert not headers & (fact.absent | NEVER)
    assert limits(headers) == limits(fact.present)
    body = response.json() if response.content else None
    assert (body is None) == (fact.keys is None)
    assert list(body or ()) == list(fact.keys or ())
    if fact.inner:
        assert body is not None
        assert tuple(body[fact.inner[0]]) == tuple(fact.inner[1])


async def test_failed_operation_has_the_states_of_the_only_recorded_failure() -> None:
    emulator = EmulatorTransport(resolver=conflict)
    failed = (await then(put(), AAO, BUILD_SECONDS)(emulator)).json()

    assert (failed["status"], failed["percentComplete"]) == ("Failed", 1.0)
    assert failed["properties"] == {
        "operationKind": "SandboxCustomImageCreateOrUpdateCommand",
        "provisioningState": "Failed",
        "operationState": "Failed",
    }
    assert list(failed["error"]) == ["code", "message"]


async def test_both_urls_of_an_operation_are_signed_separately() -> None:
    emulator = EmulatorTransport()
    response = await on_image(DELETE)(emulator)
    urls = [httpx.URL(response.headers[header]) for header in (AAO, LOCATION)]
    own, shared = ("t", "s", "h"), ("c", "api-version")

    assert all(urls[0].params[name] != urls[1].params[name] for name in own)
    assert all(urls[0].params[name] == urls[1].params[name] for name in shared)
    assert urls[0].path == urls[1].path
    exchanged = urls[1].copy_merge_params({name: urls[0].params[name] for name in own})
    assert (await emulator.http.get(exchanged, headers=emulator.headers)).status_code == 403


async def test_etag_is_the_time_of_the_last_change_with_seven_decimals() -> None:
    emulator = EmulatorTransport()
    before = await emulator.send("GET", "")
    assert before.json()["etag"] == before.headers["etag"] == '"2024-11-27T12:08:01.7481300Z"'
    response = await ADD(emulator)
    emulator.clock.move(3 * BUILD_SECONDS)
    ended = (await emulator.poll(response)).json()["endTime"]
    after = await emulator.send("GET", "")

    assert after.json()["etag"] == after.headers["etag"] == f'"{ended[:-1].ljust(27, "0")}Z"'
    group = await emulator.http.get(
        emulator.cluster.rpartition("/")[0], params={"api-version": "2024-04-13"}, headers=emulator.headers
    )
    assert [cluster["etag"] for cluster in group.json()["value"]] == [after.json()["etag"]]


async def test_removing_an_extension_that_is_off_ends_at_once() -> None:
    emulator = EmulatorTransport()
    for step, expected in ((REMOVE, "Succeeded"), (ADD, "Running")):
        assert (await emulator.poll(await step(emulator))).json()["status"] == expected
    emulator.clock.move(3 * BUILD_SECONDS)
    enabled = await emulator.send("POST", "/removeLanguageExtensions", json=PYTHON)
    assert (await emulator.poll(enabled)).json()["status"] == "Running"


async def test_location_of_a_patch_ends_with_the_image() -> None:
    emulator = EmulatorTransport()
    response = await on_image(PATCH)(emulator)
    assert (await emulator.poll(response, LOCATION)).status_code == 202
    emulator.clock.move(BUILD_SECONDS)
    ended = await emulator.poll(response, LOCATION)

    assert ended.status_code == 200
    assert ended.json() == (await GET(emulator)).json()
