from __future__ import annotations

import asyncio
import gzip
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.answers import ENDPOINT, POLL_URL, SIGNATURE, THERE, answer
from support.rawserver import RawServer, http
from support.wire import Credential, Raw, ScriptedTransport, whole_chain

from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.transport import (
    MAX_CONNECTIONS,
    MAX_RESPONSE_SIZE,
    RESERVED_CONNECTIONS,
    ArmTransport,
    tls_context,
)
from kusto_magic.errors import SignInFailed, Unreachable, UntrustedAddress

SCOPE = f"{ENDPOINT}/.default"
TOKEN = "s3cr3t-token"


def arm(script: ScriptedTransport, credential: Credential | None = None) -> ArmTransport:
    return ArmTransport(
        ENDPOINT, SCOPE, credential=credential or Credential(script.clock), transport=script, clock=script.clock
    )


def local(server: RawServer, request_limit: float = 30.0) -> ArmTransport:
    return ArmTransport(server.endpoint, "x/.default", credential=StaticCredential(TOKEN), request_limit=request_limit)


# ── where the token may go ───────────────────────────────────────────────────────────────────────────────────────

FOREIGN = {
    "another host": "https://evil.example/x",
    "a longer host": "https://management.azure.com.evil.example/x",
    "another cloud": "https://management.chinacloudapi.cn/x",
    "a subdomain": "https://a.management.azure.com/x",
    "a dot at the end": "https://management.azure.com./x",
    "another port": "https://management.azure.com:8443/x",
    "port 0": "https://management.azure.com:0/x",
    "downgraded": "http://management.azure.com/x",
    "downgraded, same port": "http://management.azure.com:443/x",
    "a user": "https://management.azure.com@evil.example/x",
    "a user of ours": "https://user@management.azure.com/x",
    "user and password": "https://user:pw@management.azure.com/x",
    "an empty user": "https://@management.azure.com/x",
    "a backslash": "https://evil.example\\@management.azure.com/x",
    "a backslash after": "https://management.azure.com\\@evil.example/x",
    "no scheme": "//management.azure.com/x",
    "relative": "/x",
    "empty": "",
    "a file": "file:///etc/passwd",
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "unreadable": "https://[::1/x",
    "unreadable port": "https://management.azure.com:port/x",
    "a newline": "https://management.azure.com/x\r\nHost: evil.example",
    "a tab": "https://management.azure.com\t.evil.example/x",
    "NUL": "https://management.azure.com\0.evil.example/x",
    "escape": "https://management.azure.com/\x1b",
    "full width": "https://management．azure．com/x",
    "another script": "https://mаnagement.azure.com/x",
    "loopback": "http://127.0.0.1/x",
    "metadata": "http://169.254.169.254/metadata",
    "endless": f"{ENDPOINT}/{'x' * 70_000}",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("url", FOREIGN.values(), ids=FOREIGN.keys())
async def test_nothing_is_sent_elsewhere_and_no_token_is_asked_for(url: str, method: str) -> None:
    script = ScriptedTransport()
    credential = Credential(script.clock)
    async with arm(script, credential) as door:
        with pytest.raises(UntrustedAddress) as caught:
            await door.send(method, url, b"{}" if method == "PUT" else None)
    assert (script.asked, credential.count) == ([], 0)
    assert len(str(caught.value)) < 500
    assert "pw@" not in str(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["https://user:hunter2@evil.example:8443/x?sig=hunter2"])
async def test_a_refusal_names_the_host_and_nothing_secret(url: str) -> None:
    async with arm(ScriptedTransport()) as door:
        with pytest.raises(
            UntrustedAddress, match=r"https://evil\.example:8443 instead of https://management"
        ) as caught:
            await door.send("GET", url)
    assert "hunter2" not in whole_chain(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", [POLL_URL, f"{ENDPOINT}:443/x", "HTTPS://Management.Azure.COM/x"])
async def test_our_own_endpoint_is_asked_however_it_is_spelled(url: str) -> None:
    script = ScriptedTransport(THERE)
    async with arm(script) as door:
        assert (await door.send("GET", url)).status == 200
    assert script.asked[0].token == "token-1"


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["https://evil.example/", f"{ENDPOINT}/elsewhere", "/elsewhere"])
async def test_no_redirect_is_followed(method: str, code: int, to: str) -> None:
    script = ScriptedTransport(answer(b"", code, {"location": to}))
    async with arm(script) as door:
        assert (await door.send(method, f"{ENDPOINT}/x")).status == code
    assert len(script.asked) == 1


# ── addresses are followed verbatim ──────────────────────────────────────────────────────────────────────────────

LONG = f"/subscriptions/s/x?api-version=2024-04-13&t=638&c={'MIIH-_' * 600}&s={'aB3-_~' * 50}&h=%2F%7e+=/,;:@!$'()*"

TARGETS = {
    "escaped space": ("/locations/East%20US/x?a=b", b"/locations/East%20US/x?a=b"),
    "raw space": ("/locations/East US/x?a=b", b"/locations/East%20US/x?a=b"),
    "spaces in the query": ("/x?a=b c", b"/x?a=b%20c"),
    "4,000 characters": (LONG, LONG.encode()),
    "lower and upper case": ("/X/y?A=%2f%2F", b"/X/y?A=%2f%2F"),
    "an escape of nothing": ("/x?a=100%&b=%zz", b"/x?a=100%&b=%zz"),
    "empty parts": ("//a//b/?", b"//a//b/?"),
    "an unescaped plus": ("/a+b?c=d+e", b"/a+b?c=d+e"),
    "twice": ("/x?a=1&a=2&&b", b"/x?a=1&a=2&&b"),
    "no path": ("", b"/"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("address", "target"), TARGETS.values(), ids=TARGETS.keys())
async def test_an_address_goes_over_the_wire_as_it_was_named(address: str, target: bytes) -> None:
    async with RawServer() as server:
        server.then(server.reply(http(b"{}")))
        async with local(server) as door:
            await door.send("GET", server.endpoint + address)
    assert server.heads[0].split(b"\r\n")[0] == b"GET " + target + b" HTTP/1.1"


@pytest.mark.asyncio
async def test_a_request_says_what_it_wants() -> None:
    script = ScriptedTransport(THERE, THERE)
    async with arm(script) as door:
        await door.send("PUT", f"{ENDPOINT}/x", b'{"a":1}')
        await door.send("GET", f"{ENDPOINT}/x")
    put, get = script.asked
    assert (put.headers["content-type"], put.body) == ("application/json", b'{"a":1}')
    assert "content-type" not in get.headers
    assert {it.headers["accept-encoding"] for it in (put, get)} == {"identity"}
    assert {it.headers["accept"] for it in (put, get)} == {"application/json"}


# ── 401 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_a_refused_token_is_replaced_once_and_the_same_is_asked_again() -> None:
    script = ScriptedTransport(answer(b"", 401), THERE)
    async with arm(script) as door:
        assert (await door.send("PUT", f"{ENDPOINT}/x", b"{}")).status == 200
    assert [(it.method, it.body, it.token) for it in script.asked] == [("PUT", b"{}", f"token-{n}") for n in (1, 2)]


@pytest.mark.asyncio
async def test_a_token_that_is_refused_twice_is_an_answer() -> None:
    script = ScriptedTransport(answer(b"", 401), answer(b"", 401))
    async with arm(script) as door:
        assert (await door.send("GET", f"{ENDPOINT}/x")).status == 401


@pytest.mark.asyncio
async def test_also_a_401_is_capped_and_never_unpacked() -> None:
    bomb = Raw(401, [("Content-Encoding", "gzip")], gzip.compress(b"0" * 1_000_000) + b"garbage")
    huge = answer(b"0" * (MAX_RESPONSE_SIZE + 1), 401)
    script = ScriptedTransport(bomb, THERE, huge, THERE)
    async with arm(script) as door:
        assert (await door.send("GET", f"{ENDPOINT}/x")).status == 200
        assert (await door.send("GET", f"{ENDPOINT}/x")).status == 200


@pytest.mark.asyncio
async def test_without_a_token_nothing_is_sent() -> None:
    script = ScriptedTransport()
    credential = Credential()
    credential.fault = RuntimeError("please run az login")
    async with arm(script, credential) as door:
        with pytest.raises(SignInFailed, match="please run az login"):
            await door.send("GET", f"{ENDPOINT}/x")
    assert script.asked == []


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, 1, MAX_RESPONSE_SIZE])
async def test_a_body_up_to_8_mb_is_read(size: int) -> None:
    async with arm(ScriptedTransport(answer(b"0" * size))) as door:
        response = await door.send("GET", f"{ENDPOINT}/x")
    assert (len(response.body), response.is_truncated) == (size, False)


UNREADABLE: dict[str, Any] = {
    "too large": answer(b"0" * (MAX_RESPONSE_SIZE + 1)),
    "gzip": Raw(200, [("Content-Encoding", "gzip")], gzip.compress(b"{}")),
    "a bomb": Raw(200, [("Content-Encoding", "gzip")], gzip.compress(b"0" * 64 * 1024 * 1024)),
    "no gzip": Raw(200, [("Content-Encoding", "gzip")], b"{}"),
    "another encoding": Raw(200, [("Content-Encoding", "BR, deflate")], b"{}"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("step", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_body_that_is_too_large_or_encoded_is_unreadable(step: Any) -> None:
    async with arm(ScriptedTransport(step)) as door:
        response = await door.send("GET", f"{ENDPOINT}/x")
    assert (response.status, response.body, response.is_truncated, response.is_malformed) == (200, b"", True, True)


@pytest.mark.asyncio
async def test_headers_that_come_twice() -> None:
    a, b = f"{ENDPOINT}/a", f"{ENDPOINT}/b"
    one = [("Retry-After", "5"), ("Retry-After", "5"), ("Location", a), ("location", a)]
    two = [("Azure-AsyncOperation", a), ("Azure-AsyncOperation", b)]
    async with arm(ScriptedTransport(Raw(200, [*one, *two]))) as door:
        response = await door.send("GET", f"{ENDPOINT}/x")
    assert response.retry_after() is None
    assert response.header_url("location") == a
    assert response.header_url("azure-asyncoperation") is None


@pytest.mark.asyncio
async def test_the_operation_identifier_is_kept_out_of_every_value() -> None:
    raw = Raw(200, [("X-MS-Operation-Identifier", "tenantId=t,objectId=o"), ("X-MS-Request-Id", "r")])
    async with arm(ScriptedTransport(raw)) as door:
        response = await door.send("GET", f"{ENDPOINT}/x")
    assert dict(response.headers) == {"x-ms-request-id": "r"}


# ── a real socket ────────────────────────────────────────────────────────────────────────────────────────────────

TORN = {
    "no answer": b"",
    "half a head": b"HTTP/1.1 200 O",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "a header that is none": b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("raw", TORN.values(), ids=TORN.keys())
async def test_an_answer_that_is_torn_is_no_answer(raw: bytes) -> None:
    async with RawServer() as server:
        server.then(server.reply(raw))
        async with local(server) as door:
            with pytest.raises(Unreachable, match="cannot be reached") as caught:
                await door.send("PUT", f"{server.endpoint}/x?sig={SIGNATURE}", b"{}")
    assert server.bodies == [b"{}"]
    assert TOKEN not in whole_chain(caught.value)
    assert SIGNATURE not in whole_chain(caught.value)


@pytest.mark.asyncio
async def test_a_connection_that_is_reset_is_no_answer() -> None:
    async with RawServer() as server:
        server.then(server.reset_at_once, server.reset_after_reading, server.reply(http(b"{}")))
        async with local(server) as door:
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await door.send("GET", f"{server.endpoint}/x")
            assert (await door.send("GET", f"{server.endpoint}/x")).status == 200


@pytest.mark.asyncio
async def test_silence_and_a_slow_drip_are_given_up() -> None:
    async with RawServer() as server:
        server.then(server.silence, server.drip)
        async with local(server, request_limit=0.1) as door:
            for _ in range(2):
                with pytest.raises(Unreachable, match="did not answer in time"):
                    await door.send("GET", f"{server.endpoint}/x")
    assert len(server.heads) == 2


@pytest.mark.asyncio
async def test_nobody_there() -> None:
    async with RawServer() as server:
        endpoint = server.endpoint
    async with ArmTransport(endpoint, "x/.default", credential=StaticCredential(TOKEN)) as door:
        with pytest.raises(Unreachable) as caught:
            await door.send("GET", f"{endpoint}/x")
    assert "emulator" in caught.value.next_step


@pytest.mark.asyncio
async def test_an_interrupt_is_no_silence() -> None:
    async with RawServer() as server:
        server.then(server.silence)
        async with local(server) as door:
            asking = asyncio.create_task(door.send("GET", f"{server.endpoint}/x"))
            await server.arrived.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_no_log_shows_a_token_or_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RawServer() as server:
        signed = f"{server.endpoint}/x?api-version=1&t=1&c=CERT&s={SIGNATURE}&h=HASH"
        headers = [
            f"Azure-AsyncOperation: {signed}",
            f"Location: {signed}",
            "x-ms-operation-identifier: tenantId=11111111",
        ]
        server.then(
            server.reply(http(b"{}", *headers)), server.reply(http(b"", status="503 Busy")), server.reset_at_once
        )
        async with local(server) as door:
            first = await door.send("PUT", f"{server.endpoint}/x", b"{}")
            await door.send("GET", first.header_url("azure-asyncoperation") or "")
            with pytest.raises(Unreachable):
                await door.send("GET", signed)
    assert SIGNATURE.encode() in server.heads[1]
    said = caplog.text + "".join(f"{record.msg!r} {record.args!r} {vars(record)!r}" for record in caplog.records)
    assert "/x?api-version=1&t=" in said, "httpx logs addresses"
    assert "receive_response_headers" in said, "httpcore logs headers"
    for secret in (TOKEN, SIGNATURE, "CERT&", "HASH", "11111111"):
        assert secret not in said


# ── proxies and certificates ─────────────────────────────────────────────────────────────────────────────────────

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.mark.asyncio
async def test_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer() as proxy, RawServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.endpoint)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        server.then(server.reply(http(b"{}")))
        async with local(server) as door:
            assert (await door.send("GET", f"{server.endpoint}/x")).status == 200
    assert proxy.heads == []


@pytest.mark.asyncio
async def test_azure_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint.replace("//", "//user:hunter2@"))
        proxy.then(proxy.reply(http(b"", status="403 Forbidden")))
        async with ArmTransport(ENDPOINT, SCOPE, credential=StaticCredential(TOKEN)) as door:
            with pytest.raises(Unreachable, match="403") as caught:
                await door.send("GET", POLL_URL)
    assert proxy.heads[0].startswith(b"CONNECT management.azure.com:443 HTTP/1.1")
    assert TOKEN.encode() not in proxy.heads[0]
    assert "hunter2" not in whole_chain(caught.value)


@pytest.mark.parametrize("proxy", ["nonsense://user:hunter2@proxy.example", "socks5://user:hunter2@proxy.example"])
def test_a_proxy_that_cannot_be_used_is_said_so(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(Unreachable, match="proxy") as caught:
        ArmTransport(ENDPOINT, SCOPE, credential=StaticCredential(TOKEN))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_read_are_said_so(variable: str, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "no.pem"):
        with pytest.raises(Unreachable, match=variable):
            tls_context({variable: str(path)})


def test_a_bundle_of_ones_own_is_trusted_alone_and_else_the_roots(tmp_path: Path) -> None:
    assert tls_context({}).cert_store_stats()["x509_ca"] > 50
    assert tls_context({"SSL_CERT_FILE": str(tmp_path)}).cert_store_stats()["x509_ca"] == 0


def test_the_transport_of_a_test_needs_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert isinstance(ArmTransport(ENDPOINT, SCOPE, transport=httpx.ASGITransport(lambda *_: None)), ArmTransport)  # type: ignore[arg-type]


# ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────


class Slow(httpx.AsyncBaseTransport):
    """Answers nothing until it is released; knows how many wait for it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.released = asyncio.Event()
        self.one_more = asyncio.Semaphore(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waiting += 1
        self.one_more.release()
        await self.released.wait()
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))


@pytest.mark.asyncio
async def test_builds_leave_connections_to_a_person_and_their_time_begins_when_they_are_sent() -> None:
    slow = Slow()
    wire = ArmTransport(ENDPOINT, SCOPE, credential=StaticCredential(TOKEN), transport=slow, request_limit=0.2)
    async with wire:
        many = [asyncio.ensure_future(wire.send("GET", f"{ENDPOINT}/{n}", background=True)) for n in range(50)]
        for _ in range(MAX_CONNECTIONS - RESERVED_CONNECTIONS):
            await slow.one_more.acquire()
        asked = asyncio.ensure_future(wire.send("GET", f"{ENDPOINT}/person"))
        await slow.one_more.acquire()
        assert slow.waiting == MAX_CONNECTIONS - RESERVED_CONNECTIONS + 1
        slow.released.set()
        answers = await asyncio.gather(asked, *many)
    assert {it.status for it in answers} == {200}
