"""Recordings of traffic: complete enough to be replayed, and free of personal data and secrets."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arm_responses import make_response
from support.clock import MovableClock
from support.placeholders import IMAGE, TARGET, Placeholders
from support.recording import Conversation, Recording, Replay
from support.scripted_transport import Outcome, RawResponse, ScriptedTransport

from kusto_magic.arm.response import ArmResponse
from kusto_magic.models.target import Target

SUBSCRIPTION = "8f14e45f-ceea-467f-9a2c-1d5b0c7a3e11"
OWN = Target(SUBSCRIPTION, "Contoso-Analytics(EU)", "contosoplanning", "http://127.0.0.1:4711")
NAME = "kusto-magic-test-5a17"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
PERSON = "0b6f2c3a-9d1e-4c55-8f0a-6f2f4b1d9c77"
REQUEST = "5c3b8f6e-1a2b-4c3d-8e9f-aabbccddeeff"
CERTIFICATE, SIGNED, HASH = "MIIHxjCCBqCERTIFICATE", "SIGNATURExyz-_q", "HASHxyzq"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJwZXJzb24ifQ.c2lnbmF0dXJl"
OTHER_IMAGE, OTHER_PACKAGE = "finance-forecast", "contoso-secret-sauce==4.2"

PLANTED = (
    SUBSCRIPTION, "Contoso-Analytics", OWN.cluster, "127.0.0.1:4711", NAME, TENANT, PERSON, REQUEST, CERTIFICATE,
    SIGNED, HASH, JWT, OTHER_IMAGE, OTHER_PACKAGE, "638682", "jane.doe", "jane_doe", "Jane Doe", "hunter2",
    "contosocorp",
)  # fmt: skip

GROUP_PATH = f"/subscriptions/{SUBSCRIPTION.upper()}/resourceGroups/contoso-analytics%28EU%29"
PROVIDER = f"/resourceGroups/{OWN.resource_group}/providers/Microsoft.Kusto"
CLUSTER_ID = f"/subscriptions/{SUBSCRIPTION}{PROVIDER}/Clusters/{OWN.cluster}"
HOST = f"{OWN.cluster}.westeurope.kusto.windows.net"
POLL = (
    f"{OWN.endpoint}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Kusto/locations/West Europe/operationResults/"
    f"{REQUEST}?api-version=2024-04-13&t=638682&c={CERTIFICATE}&s={SIGNED}&h={HASH}"
)
HEADERS = {
    "Azure-AsyncOperation": POLL,
    "Location": POLL.replace("&t=", "&operationResultResponseType=Location&t="),
    "Retry-After": "15",
    "x-ms-request-id": REQUEST,
    "x-ms-correlation-request-id": REQUEST.upper(),
    "x-ms-operation-identifier": f"tenantId={TENANT},objectId={PERSON}/westeurope/{REQUEST}",
    "WWW-Authenticate": f'Bearer authorization_uri="https://login.example/{TENANT}"',
    "Set-Cookie": "session=hunter2",
}
FORBIDDEN = (
    f"The client 'jane.doe@contosocorp.com' with object id '{PERSON}' of {TENANT} (contosocorp.onmicrosoft.com), guest "
    f"jane_doe_contosocorp.com#EXT#@x.onmicrosoft.com, may not write '{CLUSTER_ID}/SandboxCustomImages/{NAME}'; see "
    f"https://{HOST}, https://ingest-{HOST.upper()}, {POLL}, Bearer {JWT}, https://jane:hunter2@index.example/simple, "
    f"Cluster '{OWN.cluster}'."
)
LIST = {
    "value": [
        {
            "id": f"{CLUSTER_ID}/SandboxCustomImages/{OTHER_IMAGE}",
            "name": f"{OWN.cluster}/{OTHER_IMAGE}",
            "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
            "systemData": {"createdBy": "Jane Doe", "createdByType": "User", "createdAt": "2026-01-02T03:04:05Z"},
            "properties": {"language": "PYTHON", "requirementsFileContent": OTHER_PACKAGE},
        }
    ]
}
CLUSTER = {
    "id": CLUSTER_ID,
    "name": OWN.cluster,
    "type": "Microsoft.Kusto/Clusters",
    "location": "West Europe",
    "tags": {"owner": "Jane Doe", "cost centre": "contosocorp"},
    "identity": {"principalId": PERSON, "tenantId": TENANT},
    "properties": {
        "state": "Running",
        "uri": f"https://{OWN.cluster}.westeurope.kusto.windows.net",
        "keyVaultProperties": {"keyVaultUri": "https://contosocorp.vault.azure.net"},
        "languageExtensions": {"value": [{"languageExtensionCustomImageName": OTHER_IMAGE}]},
    },
}


def planted_response(status: int, body: object) -> RawResponse:
    """Return a response with all headers; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawResponse(status, list(HEADERS.items()), raw)


async def recorded(*responses: Outcome, body: object = None) -> Recording:
    """Return the recording of requests that received these responses."""
    recording = Recording(ScriptedTransport(*responses), MovableClock(), Placeholders(OWN, NAME))
    url = f"{OWN.endpoint}{GROUP_PATH}/providers/Microsoft.Kusto/clusters/{OWN.cluster}/sandboxCustomImages/{NAME}"
    async with httpx.AsyncClient(transport=recording, headers={"Authorization": f"Bearer {JWT}"}) as client:
        for _ in responses:
            await client.request("PUT", f"{url}?api-version=2024-04-13", json=body)
    return recording


def recorded_text(recording: Recording) -> str:
    return Conversation("x", "Azure", "2026-11-24", "2024-04-13", exchanges=recording.exchanges).to_text()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "outcome",
    [
        planted_response(403, {"error": {"code": "AuthorizationFailed", "message": FORBIDDEN}}),
        planted_response(502, f"<html>{FORBIDDEN}</html>".encode()),
        planted_response(200, json.dumps({"a": FORBIDDEN})[:-9].encode()),
        planted_response(200, LIST),
        planted_response(200, CLUSTER),
        planted_response(200, {"value": [CLUSTER, CLUSTER]}),
        planted_response(200, {FORBIDDEN: {"tenantId": "contosocorp.com"}}),
    ],
    ids=["error", "html", "cut", "list", "cluster", "clusters", "keys"],
)
async def test_recording_contains_no_planted_value(outcome: Outcome) -> None:
    text = recorded_text(await recorded(outcome, body={"properties": {"baseImageName": OTHER_IMAGE}}))
    assert [planted for planted in PLANTED if planted.lower() in text.lower()] == []
    assert IMAGE in text
    assert TARGET.subscription in text


_WRAPPINGS = (
    "{}",
    "'{}'",
    "Cluster '{}'.",
    "https://{}.westeurope.kusto.windows.net",
    "ingest-{}",
    '{{"a": "{}"}}',
    "/{}/",
    "({})",
    "x {}, y",
)


@pytest.mark.slow
@given(
    name=st.from_regex(r"[a-z][a-z0-9]{3,21}", fullmatch=True),
    group=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{5,40}", fullmatch=True),
    subscription=st.uuids(version=4).map(str),
    person=st.uuids(version=4).map(str),
    wrapping=st.sampled_from(_WRAPPINGS),
    key=st.sampled_from(["message", "target", "name", "unknownKey"]),
)
def test_own_names_are_replaced(name: str, group: str, subscription: str, person: str, wrapping: str, key: str) -> None:
    placeholders = Placeholders(Target(subscription, group, name), NAME)
    texts = [wrapping.format(secret) for secret in (name, name.upper(), group, subscription, person)]
    stored = placeholders.document({key: texts, "error": {"message": " ".join(texts)}})
    parts = [*stored[key], stored["error"]["message"]]
    assert not any(subscription in part or person in part for part in parts)
    for part, secret in zip(parts, (name, name, group), strict=False):
        assert secret.lower() not in _without_placeholders(part).lower()


def _without_placeholders(text: str) -> str:
    """Return the text without placeholders and wrappings, of which a short name may be a part."""
    for known in (TARGET.cluster, TARGET.resource_group, "westeurope.kusto.windows.net", "https", "Cluster", "ingest"):
        text = text.replace(known, "")
    return text


def test_equal_values_get_equal_placeholders() -> None:
    placeholders = Placeholders(OWN, NAME)
    first, again, other = (placeholders.text(value) for value in (REQUEST, REQUEST.upper(), PERSON))
    assert first == again != other
    assert len(first) == len(REQUEST)
    assert placeholders.text(REQUEST.replace("-", "")) == first.replace("-", "")
    assert placeholders.text("a@b.example c@d.example a@b.example").split()[0::2] == ["user-1@example.com"] * 2


def test_public_names_are_not_replaced() -> None:
    placeholders = Placeholders(Target(SUBSCRIPTION, "kusto", "east"), "numpy")
    for text in (
        "/providers/Microsoft.Kusto/locations/West US/operationresults/",
        "to perform action 'Microsoft.Kusto/clusters/sandboxCustomImages/write'",
        "Standard_E8as_v5+1TB_PS",
        "2024-11-27T12:08:01.7481303Z",
        "Pillow==10.1.0 --hash=sha256:" + "ab" * 32,
    ):
        assert placeholders.text(text) == text
    assert placeholders.text("Python3_11_7 PythonCustomImage prophet") == "Python3_11_7 PythonCustomImage prophet"


def test_own_image_keeps_its_requirements_and_suffix() -> None:
    own_list = json.loads(json.dumps(LIST).replace(OTHER_IMAGE, f"{NAME}-2"))
    stored = Placeholders(OWN, NAME).document(own_list)["value"][0]
    assert stored["name"] == f"{TARGET.cluster}/{IMAGE}-2"
    assert stored["properties"]["requirementsFileContent"] == OTHER_PACKAGE


@pytest.mark.asyncio
async def test_client_gets_the_original_response() -> None:
    recording = Recording(
        ScriptedTransport(planted_response(200, b"\xff{} \n")), MovableClock(), Placeholders(OWN, NAME)
    )
    response = await recording.handle_async_request(httpx.Request("GET", OWN.endpoint))
    assert await response.aread() == b"\xff{} \n"
    assert response.headers["azure-asyncoperation"] == POLL


@pytest.mark.asyncio
async def test_network_error_is_recorded_and_raised() -> None:
    lost = httpx.ConnectError(f"no route to {OWN.cluster}")
    recording = Recording(ScriptedTransport(lost), MovableClock(), Placeholders(OWN, NAME))
    with pytest.raises(httpx.ConnectError):
        await recording.handle_async_request(httpx.Request("GET", f"{OWN.endpoint}/x"))
    assert recording.exchanges == [{"at": 0.0, "asked": {"method": "GET", "path": "/x"}, "failed": "ConnectError"}]


@pytest.mark.asyncio
async def test_equal_responses_are_stored_once_and_replayed_separately() -> None:
    def with_status(word: str, request: str) -> ArmResponse:
        return make_response({"status": word}, 200, {"x-ms-request-id": request})

    responses = [with_status("Running", REQUEST), with_status("Running", PERSON), with_status("Succeeded", TENANT)]
    recording = await recorded(*responses, body={})
    assert [exchange.get("again") for exchange in recording.exchanges] == ["0.0", None]
    stored = Conversation("x", "emulator", "", "", exchanges=recording.exchanges)
    transport, request = Replay(stored, MovableClock()), recording.exchanges[0]["asked"]
    async with httpx.AsyncClient(transport=transport, base_url=TARGET.endpoint) as client:
        statuses: list[Any] = [(await client.put(request["path"], json={})).json()["status"] for _ in responses]
    assert statuses == ["Running", "Running", "Succeeded"]
    transport.assert_all_asked()
