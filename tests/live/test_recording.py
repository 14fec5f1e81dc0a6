"""What is written down of a conversation: enough to play it back, and nothing that tells whose it was."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import answer
from support.clock import MovableClock
from support.placeholders import IMAGE, TARGET, Placeholders
from support.recording import Conversation, Recording, Replay
from support.wire import Outcome, Raw, ScriptedTransport

from kusto_magic.arm.response import ArmResponse
from kusto_magic.models.target import Target

SUBSCRIPTION = "8f14e45f-ceea-467f-9a2c-1d5b0c7a3e11"
MINE = Target(SUBSCRIPTION, "Contoso-Analytics(EU)", "contosoplanning", "http://127.0.0.1:4711")
NAME = "kusto-magic-test-5a17"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
PERSON = "0b6f2c3a-9d1e-4c55-8f0a-6f2f4b1d9c77"
REQUEST = "5c3b8f6e-1a2b-4c3d-8e9f-aabbccddeeff"
CERTIFICATE, SIGNED, HASH = "MIIHxjCCBqCERTIFICATE", "SIGNATURExyz-_q", "HASHxyzq"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJwZXJzb24ifQ.c2lnbmF0dXJl"
OTHERS_IMAGE, OTHERS_PACKAGE = "finance-forecast", "contoso-secret-sauce==4.2"

PLANTED = (
    SUBSCRIPTION, "Contoso-Analytics", MINE.cluster, "127.0.0.1:4711", NAME, TENANT, PERSON, REQUEST, CERTIFICATE,
    SIGNED, HASH, JWT, OTHERS_IMAGE, OTHERS_PACKAGE, "638682", "jane.doe", "jane_doe", "Jane Doe", "hunter2",
    "contosocorp",
)  # fmt: skip

GROUP_PATH = f"/subscriptions/{SUBSCRIPTION.upper()}/resourceGroups/contoso-analytics%28EU%29"
PROVIDER = f"/resourceGroups/{MINE.resource_group}/providers/Microsoft.Kusto"
CLUSTER_ID = f"/subscriptions/{SUBSCRIPTION}{PROVIDER}/Clusters/{MINE.cluster}"
HOST = f"{MINE.cluster}.westeurope.kusto.windows.net"
POLL = (
    f"{MINE.endpoint}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Kusto/locations/West Europe/operationResults/"
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
    f"Cluster '{MINE.cluster}'."
)
LIST = {
    "value": [
        {
            "id": f"{CLUSTER_ID}/SandboxCustomImages/{OTHERS_IMAGE}",
            "name": f"{MINE.cluster}/{OTHERS_IMAGE}",
            "type": "Microsoft.Kusto/Clusters/SandboxCustomImages",
            "systemData": {"createdBy": "Jane Doe", "createdByType": "User", "createdAt": "2026-01-02T03:04:05Z"},
            "properties": {"language": "PYTHON", "requirementsFileContent": OTHERS_PACKAGE},
        }
    ]
}
CLUSTER = {
    "id": CLUSTER_ID,
    "name": MINE.cluster,
    "type": "Microsoft.Kusto/Clusters",
    "location": "West Europe",
    "tags": {"owner": "Jane Doe", "cost centre": "contosocorp"},
    "identity": {"principalId": PERSON, "tenantId": TENANT},
    "properties": {
        "state": "Running",
        "uri": f"https://{MINE.cluster}.westeurope.kusto.windows.net",
        "keyVaultProperties": {"keyVaultUri": "https://contosocorp.vault.azure.net"},
        "languageExtensions": {"value": [{"languageExtensionCustomImageName": OTHERS_IMAGE}]},
    },
}


def said(status: int, body: object) -> Raw:
    """Return an answer with all the headers; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Raw(status, list(HEADERS.items()), raw)


async def recorded(*answers: Outcome, body: object = None) -> Recording:
    """Return what was written down of requests that got these answers."""
    recording = Recording(ScriptedTransport(*answers), MovableClock(), Placeholders(MINE, NAME))
    url = f"{MINE.endpoint}{GROUP_PATH}/providers/Microsoft.Kusto/clusters/{MINE.cluster}/sandboxCustomImages/{NAME}"
    async with httpx.AsyncClient(transport=recording, headers={"Authorization": f"Bearer {JWT}"}) as client:
        for _ in answers:
            await client.request("PUT", f"{url}?api-version=2024-04-13", json=body)
    return recording


def written(recording: Recording) -> str:
    return Conversation("x", "Azure", "2026-11-24", "2024-04-13", exchanges=recording.exchanges).to_text()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "outcome",
    [
        said(403, {"error": {"code": "AuthorizationFailed", "message": FORBIDDEN}}),
        said(502, f"<html>{FORBIDDEN}</html>".encode()),
        said(200, json.dumps({"a": FORBIDDEN})[:-9].encode()),
        said(200, LIST),
        said(200, CLUSTER),
        said(200, {"value": [CLUSTER, CLUSTER]}),
        said(200, {FORBIDDEN: {"tenantId": "contosocorp.com"}}),
    ],
    ids=["error", "html", "cut", "list", "cluster", "clusters", "keys"],
)
async def test_nothing_planted_is_written_down(outcome: Outcome) -> None:
    text = written(await recorded(outcome, body={"properties": {"baseImageName": OTHERS_IMAGE}}))
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


@given(
    name=st.from_regex(r"[a-z][a-z0-9]{3,21}", fullmatch=True),
    group=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{5,40}", fullmatch=True),
    subscription=st.uuids(version=4).map(str),
    person=st.uuids(version=4).map(str),
    wrapping=st.sampled_from(_WRAPPINGS),
    key=st.sampled_from(["message", "target", "name", "unknownKey"]),
)
def test_no_name_of_ones_own_stays(
    name: str, group: str, subscription: str, person: str, wrapping: str, key: str
) -> None:
    placeholders = Placeholders(Target(subscription, group, name), NAME)
    texts = [wrapping.format(secret) for secret in (name, name.upper(), group, subscription, person)]
    kept = placeholders.document({key: texts, "error": {"message": " ".join(texts)}})
    parts = [*kept[key], kept["error"]["message"]]
    assert not any(subscription in part or person in part for part in parts)
    for part, secret in zip(parts, (name, name, group), strict=False):
        assert secret.lower() not in _besides(part).lower()


def _besides(text: str) -> str:
    """Return a text without the placeholders and what stands around the names, which a short name may be a part of."""
    for known in (TARGET.cluster, TARGET.resource_group, "westeurope.kusto.windows.net", "https", "Cluster", "ingest"):
        text = text.replace(known, "")
    return text


def test_the_same_value_gets_the_same_placeholder() -> None:
    placeholders = Placeholders(MINE, NAME)
    first, again, other = (placeholders.text(it) for it in (REQUEST, REQUEST.upper(), PERSON))
    assert first == again != other
    assert len(first) == len(REQUEST)
    assert placeholders.text(REQUEST.replace("-", "")) == first.replace("-", "")
    assert placeholders.text("a@b.example c@d.example a@b.example").split()[0::2] == ["user-1@example.com"] * 2


def test_what_is_anybodys_stays() -> None:
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


def test_ones_own_image_keeps_what_it_is_made_of_and_its_second_name() -> None:
    mine = json.loads(json.dumps(LIST).replace(OTHERS_IMAGE, f"{NAME}-2"))
    kept = Placeholders(MINE, NAME).document(mine)["value"][0]
    assert kept["name"] == f"{TARGET.cluster}/{IMAGE}-2"
    assert kept["properties"]["requirementsFileContent"] == OTHERS_PACKAGE


@pytest.mark.asyncio
async def test_the_client_gets_the_answer_as_it_was() -> None:
    recording = Recording(ScriptedTransport(said(200, b"\xff{} \n")), MovableClock(), Placeholders(MINE, NAME))
    got = await recording.handle_async_request(httpx.Request("GET", MINE.endpoint))
    assert await got.aread() == b"\xff{} \n"
    assert got.headers["azure-asyncoperation"] == POLL


@pytest.mark.asyncio
async def test_what_fails_on_the_way_is_written_down_and_raised() -> None:
    lost = httpx.ConnectError(f"no route to {MINE.cluster}")
    recording = Recording(ScriptedTransport(lost), MovableClock(), Placeholders(MINE, NAME))
    with pytest.raises(httpx.ConnectError):
        await recording.handle_async_request(httpx.Request("GET", f"{MINE.endpoint}/x"))
    assert recording.exchanges == [{"at": 0.0, "asked": {"method": "GET", "path": "/x"}, "failed": "ConnectError"}]


@pytest.mark.asyncio
async def test_equal_answers_in_a_row_stand_there_once_and_are_played_back_all() -> None:
    def stands(word: str, request: str) -> ArmResponse:
        return answer({"status": word}, 200, {"x-ms-request-id": request})

    answers = [stands("Running", REQUEST), stands("Running", PERSON), stands("Succeeded", TENANT)]
    recording = await recorded(*answers, body={})
    assert [exchange.get("again") for exchange in recording.exchanges] == ["0.0", None]
    kept = Conversation("x", "emulator", "", "", exchanges=recording.exchanges)
    transport, asked = Replay(kept, MovableClock()), recording.exchanges[0]["asked"]
    async with httpx.AsyncClient(transport=transport, base_url=TARGET.endpoint) as client:
        statuses: list[Any] = [(await client.put(asked["path"], json={})).json()["status"] for _ in answers]
    assert statuses == ["Running", "Running", "Succeeded"]
    transport.assert_all_asked()
