"""Who may talk to the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.emulated import EmulatorTransport, error_of

from kusto_magic import __version__
from kusto_magic.emulator import EmulatorConfig

pytestmark = pytest.mark.asyncio
IMAGE = "/sandboxCustomImages/a"


async def test_the_root_says_who_it_is_to_anybody_and_nothing_secret() -> None:
    wire = EmulatorTransport()
    answer = await wire.http.get("/")

    assert answer.json() == {
        "service": "kusto_magic emulator",
        "version": __version__,
        "instance": wire.config.instance,
    }


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
async def test_every_path_needs_the_token(path: str, authorization: str | None, code: str) -> None:
    wire = EmulatorTransport()
    wire.headers = {}
    if authorization is not None:
        wire.headers = {b"Authorization": authorization.format(token=wire.ready.token).encode("latin-1")}  # type: ignore[dict-item]
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = await wire.send(method, path)
        assert answer.status_code == 401
        assert error_of(answer)["code"] == code
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_a_poll_url_needs_the_token_too() -> None:
    wire = EmulatorTransport()
    url = (await wire.put("a")).headers["Azure-AsyncOperation"]

    assert (await wire.http.get(url)).status_code == 401


async def test_two_starts_have_two_tokens_and_hide_them() -> None:
    first, second = EmulatorConfig(), EmulatorConfig()

    assert first.token != second.token
    assert len(first.token) > 40
    assert first.token not in repr(first) + repr(first.ready)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:9", "localhost", ""])
async def test_a_foreign_host_is_refused(host: str) -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Host": host}

    for path in ("", IMAGE):
        assert (await wire.send("GET", path)).status_code == 403
    assert (await wire.http.get("/", headers={"Host": host})).status_code == 403


async def test_localhost_is_the_same_host_and_stays_the_caller_s() -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Host": "localhost:8080"}
    answer = await wire.put("a")

    assert answer.headers["Azure-AsyncOperation"].startswith("http://localhost:8080/subscriptions/")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:9", ""])
async def test_a_foreign_origin_is_refused(origin: str) -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Origin": origin}
    answer = await wire.send("GET", "/sandboxCustomImages")

    assert answer.status_code == 403
    assert (await wire.http.get("/", headers={"Origin": origin})).status_code == 403


async def test_its_own_origin_passes_without_any_cors_header() -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Origin": wire.ready.endpoint}
    answer = await wire.send("GET", "/sandboxCustomImages")

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
async def test_a_body_must_be_json_by_its_type(kind: str | None) -> None:
    wire = EmulatorTransport()
    if kind:
        wire.headers |= {"Content-Type": kind}
    answer = await wire.send("PUT", IMAGE, content=b'{"properties":{"language":"Python","languageVersion":"3.10.8"}}')

    assert answer.status_code == 415
    assert (await wire.send("GET", IMAGE)).status_code == 404


async def test_a_type_with_a_charset_passes() -> None:
    wire = EmulatorTransport()
    wire.headers |= {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await wire.send("PUT", IMAGE, content=b'{"properties":{"language":"Python","languageVersion":"3.10.8"}}')

    assert answer.status_code == 201


async def test_a_body_has_a_limit_announced_or_not() -> None:
    wire = EmulatorTransport(EmulatorConfig(max_body=1000))
    wire.headers |= {"Content-Type": "application/json"}
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 500
            yield b" " * 500

    announced = await wire.send("PUT", IMAGE, content=b" " * 1001)
    streamed = await wire.send("PUT", IMAGE, content=endless())

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert sent <= 2000
    assert (await wire.send("PUT", IMAGE, content=b" " * 1000)).status_code == 400


async def test_refusals_carry_request_ids() -> None:
    assert (await EmulatorTransport().http.get("/subscriptions/x")).headers["x-ms-request-id"]


async def test_the_end_can_be_asked_for_only_where_it_is_offered() -> None:
    wire = EmulatorTransport()

    assert (await wire.http.post("/emulator/stop", headers=wire.headers)).status_code == 404
