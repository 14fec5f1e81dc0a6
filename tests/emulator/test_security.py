"""Tests of the emulator's access control."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from support.emulator_transport import EmulatorTransport, error_body

from kusto_magic import __version__
from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
IMAGE = "/sandboxCustomImages/a"


async def test_root_identifies_the_emulator_without_a_token() -> None:
    emulator = EmulatorTransport()
    response = await emulator.http.get("/")

    assert response.json() == {
        "service": "kusto_magic emulator",
        "version": __version__,
        "instance": emulator.config.instance,
    }


async def test_proof_of_the_token_needs_no_token_and_depends_on_nonce_port_and_token() -> None:
    emulator = EmulatorTransport()
    others = [EmulatorTransport(replace(emulator.config, port=8081)), EmulatorTransport()]

    async def prove(of: EmulatorTransport, nonce: str) -> str:
        response = await of.http.get("/emulator/proof", params={"nonce": nonce})
        assert response.status_code == 200
        return response.text

    proof = await prove(emulator, "n" * 32)
    assert re.fullmatch("[0-9a-f]{64}", proof)
    assert await prove(emulator, "n" * 32) == proof
    assert proof not in {await prove(emulator, "m" * 32), *[await prove(other, "n" * 32) for other in others]}


@pytest.mark.parametrize("nonce", ["", "n" * 31, "n" * 129, "n" * 32 + " ", "\u00e4" * 32])
async def test_proof_of_an_invalid_nonce_returns_400(nonce: str) -> None:
    emulator = EmulatorTransport()
    assert (await emulator.http.get("/emulator/proof", params={"nonce": nonce})).status_code == 400
    assert (await emulator.http.post("/emulator/proof", params={"nonce": "n" * 32})).status_code == 405
    foreign = {"Host": "evil.example"}
    assert (await emulator.http.get("/emulator/proof", params={"nonce": "n" * 32}, headers=foreign)).status_code == 403


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Bearer wrong", "InvalidAuthenticationToken"),
        ("Bearer ", "InvalidAuthenticationToken"),
        ("Basic {token}", "InvalidAuthenticationToken"),
        ("Bearer {token}x", "InvalidAuthenticationToken"),
        ("Bearer \xff", "InvalidAuthenticationToken"),
    ],
)
@pytest.mark.parametrize("path", ["", "/sandboxCustomImages", IMAGE, "/none", "/listLanguageExtensions"])
async def test_every_path_requires_the_token(path: str, authorization: str | None, code: str) -> None:
    emulator = EmulatorTransport()
    emulator.headers = {}
    if authorization is not None:
        emulator.headers = {b"Authorization": authorization.format(token=emulator.ready.token).encode("latin-1")}  # type: ignore[dict-item]
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        response = await emulator.send(method, path)
        assert response.status_code == 401
        assert error_body(response)["code"] == code
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_poll_url_requires_the_token() -> None:
    emulator = EmulatorTransport()
    url = (await emulator.put("a")).headers["Azure-AsyncOperation"]

    assert (await emulator.http.get(url)).status_code == 401


async def test_tokens_are_random_and_not_in_the_repr() -> None:
    first, second = EmulatorConfig(), EmulatorConfig()

    assert first.token != second.token
    assert len(first.token) > 40
    assert first.token not in repr(first) + repr(first.ready)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:9", "localhost", ""])
async def test_foreign_host_returns_403(host: str) -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Host": host}

    for path in ("", IMAGE):
        assert (await emulator.send("GET", path)).status_code == 403
    assert (await emulator.http.get("/", headers={"Host": host})).status_code == 403


async def test_poll_url_keeps_localhost_as_host() -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Host": "localhost:8080"}
    response = await emulator.put("a")

    assert response.headers["Azure-AsyncOperation"].startswith("http://localhost:8080/subscriptions/")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:9", ""])
async def test_foreign_origin_returns_403(origin: str) -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Origin": origin}
    response = await emulator.send("GET", "/sandboxCustomImages")

    assert response.status_code == 403
    assert (await emulator.http.get("/", headers={"Origin": origin})).status_code == 403


async def test_own_origin_is_accepted_without_cors_headers() -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Origin": emulator.ready.endpoint}
    response = await emulator.send("GET", "/sandboxCustomImages")

    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
async def test_body_without_json_content_type_returns_415(kind: str | None) -> None:
    emulator = EmulatorTransport()
    if kind:
        emulator.headers |= {"Content-Type": kind}
    response = await emulator.send(
        "PUT", IMAGE, content=b'{"properties":{"language":"Python","languageVersion":"3.10.8"}}'
    )

    assert response.status_code == 415
    assert (await emulator.send("GET", IMAGE)).status_code == 404


async def test_json_content_type_with_charset_is_accepted() -> None:
    emulator = EmulatorTransport()
    emulator.headers |= {"Content-Type": "Application/JSON; charset=utf-8"}
    response = await emulator.send(
        "PUT", IMAGE, content=b'{"properties":{"language":"Python","languageVersion":"3.10.8"}}'
    )

    assert response.status_code == 201


async def test_too_large_body_returns_413_with_and_without_content_length() -> None:
    emulator = EmulatorTransport(EmulatorConfig(max_body=1000))
    emulator.headers |= {"Content-Type": "application/json"}
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 500
            yield b" " * 500

    announced = await emulator.send("PUT", IMAGE, content=b" " * 1001)
    streamed = await emulator.send("PUT", IMAGE, content=endless())

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert sent <= 2000
    assert (await emulator.send("PUT", IMAGE, content=b" " * 1000)).status_code == 400


async def test_error_responses_have_request_ids() -> None:
    assert (await EmulatorTransport().http.get("/subscriptions/x")).headers["x-ms-request-id"]


async def test_stop_route_is_absent_without_a_stop_callback() -> None:
    emulator = EmulatorTransport()

    assert (await emulator.http.post("/emulator/stop", headers=emulator.headers)).status_code == 404
