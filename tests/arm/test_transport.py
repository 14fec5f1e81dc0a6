"""The HTTP transport: trusted URLs, verbatim requests, limits, timeouts, proxies, certificates and logs."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import arm_responses
from support.arm_responses import (
    ENDPOINT,
    IMAGE_SUCCEEDED,
    POLL_URL,
    SIGNATURE,
    STATUS_SUCCEEDED,
    created_response,
    make_response,
)
from support.raw_server import RawServer, http_response
from support.scripted_transport import (
    CountingCredential,
    RawResponse,
    ScriptedTransport,
    exception_chain_text,
    run_build,
)

from kusto_magic.arm.connection_errors import tls_context
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.operation import MAX_BACKOFF
from kusto_magic.arm.requests import MAX_ATTEMPTS
from kusto_magic.arm.transport import (
    MAX_CONNECTIONS,
    MAX_RESPONSE_SIZE,
    RESERVED_CONNECTIONS,
    ArmTransport,
)
from kusto_magic.errors import SignInError, UnreachableError, UntrustedAddressError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState

SCOPE = f"{ENDPOINT}/.default"
TOKEN = "s3cr3t-token"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def make_transport(script: ScriptedTransport, credential: CountingCredential | None = None) -> ArmTransport:
    return ArmTransport(
        ENDPOINT, SCOPE, credential=credential or CountingCredential(script.clock), transport=script, clock=script.clock
    )


def loopback_transport(server: RawServer, request_timeout: float = 30.0) -> ArmTransport:
    return ArmTransport(
        server.endpoint, "x/.default", credential=StaticCredential(TOKEN), request_timeout=request_timeout
    )


# ── untrusted URLs ──────────────────────────────────────────────────────────────────────────────────────────────────

UNTRUSTED_URLS = {
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
    "a user at the endpoint": "https://user@management.azure.com/x",
    "user and password": "https://user:pw@management.azure.com/x",
    "an empty user": "https://@management.azure.com/x",
    "a backslash": "https://evil.example\\@management.azure.com/x",
    "a backslash after": "https://management.azure.com\\@evil.example/x",
    "no scheme": "//management.azure.com/x",
    "relative": "/x",
    "empty": "",
    "a file": "file:///etc/passwd",
    "JavaScript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "malformed": "https://[::1/x",
    "malformed port": "https://management.azure.com:port/x",
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
@pytest.mark.parametrize("url", UNTRUSTED_URLS.values(), ids=UNTRUSTED_URLS.keys())
async def test_untrusted_url_raises_before_any_request_or_token(url: str, method: str) -> None:
    script = ScriptedTransport()
    credential = CountingCredential(script.clock)
    async with make_transport(script, credential) as transport:
        with pytest.raises(UntrustedAddressError) as caught:
            await transport.send(method, url, b"{}" if method == "PUT" else None)
    assert (script.requests, credential.count) == ([], 0)
    assert len(str(caught.value)) < 500
    assert "pw@" not in str(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["https://user:hunter2@evil.example:8443/x?sig=hunter2"])
async def test_untrusted_address_error_names_the_host_and_no_secret(url: str) -> None:
    async with make_transport(ScriptedTransport()) as transport:
        with pytest.raises(
            UntrustedAddressError, match=rf"https://evil\.example:8443 .*{re.escape(ENDPOINT)};"
        ) as caught:
            await transport.send("GET", url)
    assert caught.value.hint == Hint(HintKind.REPORT_ENDPOINT)
    assert "hunter2" not in exception_chain_text(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", [POLL_URL, f"{ENDPOINT}:443/x", "HTTPS://Management.Azure.COM/x"])
async def test_equivalent_spelling_of_the_endpoint_is_accepted(url: str) -> None:
    script = ScriptedTransport(IMAGE_SUCCEEDED)
    async with make_transport(script) as transport:
        assert (await transport.send("GET", url)).status == 200
    assert script.requests[0].token == "token-1"


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("method", "to"),
    [
        *[(method, to) for method in ("PUT", "POST", "DELETE") for to in (f"{ENDPOINT}/elsewhere", "/elsewhere")],
        *[("GET", to) for to in ("", *arm_responses.UNTRUSTED_URLS) if "javascript" not in to],
    ],
)
async def test_redirects_of_changes_and_to_other_origins_are_not_followed(method: str, to: str, code: int) -> None:
    script = ScriptedTransport(make_response(b"", code, {"location": to}))
    async with make_transport(script) as transport:
        assert (await transport.send(method, f"{ENDPOINT}/x")).status == code
    assert len(script.requests) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", [f"{ENDPOINT}/a/c?d=e f", "/a/c?d=e f", "c?d=e f"])
async def test_get_follows_redirects_within_the_endpoint(code: int, to: str) -> None:
    script = ScriptedTransport(make_response(b"", code, {"location": to}), IMAGE_SUCCEEDED)
    async with make_transport(script) as transport:
        assert (await transport.send("GET", f"{ENDPOINT}/a/b")).status == 200
    assert script.request_lines == [f"GET {ENDPOINT}/a/b", f"GET {ENDPOINT}/a/c?d=e%20f"]
    assert script.requests[1].token == "token-1"


@pytest.mark.asyncio
async def test_get_follows_at_most_five_redirects() -> None:
    script = ScriptedTransport(default=make_response(b"", 302, {"location": "/x"}))
    async with make_transport(script) as transport:
        assert (await transport.send("GET", f"{ENDPOINT}/x")).status == 302
    assert len(script.requests) == 6


# ── the remedy of a failed connection ───────────────────────────────────────────────────────────────────────────────


def failed_connection(cause: Exception) -> httpx.ConnectError:
    """Return the error of httpx for a failure below it."""
    error = httpx.ConnectError(str(cause))
    error.__cause__ = cause
    return error


def untrusted_certificate(code: int) -> httpx.ConnectError:
    cause = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] code {code}")
    cause.verify_code = code
    return failed_connection(cause)


NO_SUCH_HOST = failed_connection(socket.gaierror(-2, "Name or service not known"))
OWN_BUNDLE = Hint(HintKind.EXTEND_CA_BUNDLE, "REQUESTS_CA_BUNDLE")
REMEDIES: dict[str, tuple[Exception, dict[str, str], Hint, int | None]] = {
    "unknown authority": (untrusted_certificate(20), {}, Hint(HintKind.SET_CA_BUNDLE, values=("SSL_CERT_FILE",)), 0),
    "own bundle": (
        untrusted_certificate(19),
        {"REQUESTS_CA_BUNDLE": "/b.pem"},
        Hint(HintKind.EXTEND_CA_BUNDLE, "REQUESTS_CA_BUNDLE"),
        0,
    ),
    "expired": (untrusted_certificate(10), {}, Hint(HintKind.CHECK_CLOCK), 0),
    "another host": (untrusted_certificate(62), {}, Hint(HintKind.CHECK_ENDPOINT), 0),
    "proxy sign-in": (httpx.ProxyError("407 Proxy Authentication Required"), {}, Hint(HintKind.SIGN_IN_TO_PROXY), 0),
    "proxy refusal": (httpx.ProxyError("403 Forbidden"), {}, Hint(HintKind.FIX_PROXY), 0),
    "proxy overload": (httpx.ProxyError("503 Service Unavailable"), {}, Hint(HintKind.CHECK_NETWORK), None),
    "proxy throttling": (httpx.ProxyError("429 Too Many Requests"), {}, Hint(HintKind.CHECK_NETWORK), None),
    "name": (NO_SUCH_HOST, {}, Hint(HintKind.CHECK_NAME_SERVERS), 1),
    "name of the proxy": (NO_SUCH_HOST, {"HTTPS_PROXY": "http://proxy.invalid"}, Hint(HintKind.CHECK_PROXY_NAME), 1),
    "reset": (httpx.ReadError("reset"), {}, Hint(HintKind.CHECK_NETWORK), None),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("error", "variables", "hint", "retries"), REMEDIES.values(), ids=REMEDIES.keys())
async def test_failed_connection_names_its_remedy_and_is_retried_only_if_that_may_help(
    error: Exception, variables: dict[str, str], hint: Hint, retries: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    script = ScriptedTransport(default=error)
    with pytest.raises(UnreachableError) as caught:
        await run_build(script)
    assert caught.value.hint is not None
    assert hint in (caught.value.hint, caught.value.hint.then)  # some of them may have arrived
    assert len(script.requests) == (MAX_ATTEMPTS if retries is None else 1 + retries)
    assert sum(script.clock.slept) <= (31 if retries is None else 1)


@pytest.mark.asyncio
async def test_request_that_may_have_arrived_is_repeated_also_without_a_name_server() -> None:
    script = ScriptedTransport(httpx.ReadError("reset"), *[NO_SUCH_HOST] * 4, IMAGE_SUCCEEDED)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [untrusted_certificate(20), NO_SUCH_HOST, httpx.ProxyError("407")])
async def test_polling_survives_what_ends_a_first_request(error: Exception) -> None:
    """The laptop moves to another network while the build runs."""
    script = ScriptedTransport(created_response(), *[error] * 9, STATUS_SUCCEEDED, IMAGE_SUCCEEDED)
    assert (await run_build(script))[-1].state is BuildState.SUCCEEDED


# ── verbatim requests ───────────────────────────────────────────────────────────────────────────────────────────────

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
@pytest.mark.parametrize(("url", "target"), TARGETS.values(), ids=TARGETS.keys())
async def test_url_is_sent_verbatim(url: str, target: bytes) -> None:
    async with RawServer() as server:
        server.then(server.reply(http_response(b"{}")))
        async with loopback_transport(server) as transport:
            await transport.send("GET", server.endpoint + url)
    assert server.heads[0].split(b"\r\n")[0] == b"GET " + target + b" HTTP/1.1"


@pytest.mark.asyncio
async def test_request_headers() -> None:
    script = ScriptedTransport(IMAGE_SUCCEEDED, IMAGE_SUCCEEDED)
    async with make_transport(script) as transport:
        await transport.send("PUT", f"{ENDPOINT}/x", b'{"a":1}')
        await transport.send("GET", f"{ENDPOINT}/x")
    put, get = script.requests
    assert (put.headers["content-type"], put.body) == ("application/json", b'{"a":1}')
    assert "content-type" not in get.headers
    assert {request.headers["accept-encoding"] for request in (put, get)} == {"identity"}
    agent = r"kusto-magic/\d+\.\d+\.\d+\S* Python/3\.\d+ \(\w+\)"
    assert all(re.fullmatch(agent, request.headers["user-agent"]) for request in (put, get))
    assert {request.headers["accept"] for request in (put, get)} == {"application/json"}


LONGEST_POLL_INTERVAL = MAX_BACKOFF
"""Seconds between two polls of one build at most, unless the service demands more."""

AZURE_IDLE_TIMEOUT = 240.0
"""Seconds after which Azure's load balancers drop an idle connection by default, without closing it."""


@pytest.mark.asyncio
@pytest.mark.parametrize(("idle", "connections"), [(LONGEST_POLL_INTERVAL, 1), (AZURE_IDLE_TIMEOUT, 2)])
async def test_connection_outlives_the_poll_interval_but_not_azures_idle_timeout(idle: float, connections: int) -> None:
    async with RawServer() as server, loopback_transport(server) as transport:
        opened = 0

        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            while True:  # until the client hangs up
                await server.read(reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()

        server.then(respond, respond)
        await transport.send("GET", f"{server.endpoint}/first")
        _age_connections(transport, idle)
        assert (await transport.send("GET", f"{server.endpoint}/second")).status == 200
        assert [head.split()[1] for head in server.heads] == [b"/first", b"/second"]
        assert opened == connections


def _age_connections(transport: ArmTransport, seconds: float) -> None:
    """Make the idle connections this much older: httpcore has no clock that a test could move."""
    network = transport._http._transport
    assert isinstance(network, httpx.AsyncHTTPTransport)
    assert network._pool.connections
    for pooled in network._pool.connections:
        pooled._connection._expire_at -= seconds  # type: ignore[attr-defined]


# ── 401 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_401_is_retried_once_with_a_new_token() -> None:
    script = ScriptedTransport(make_response(b"", 401), IMAGE_SUCCEEDED)
    async with make_transport(script) as transport:
        assert (await transport.send("PUT", f"{ENDPOINT}/x", b"{}")).status == 200
    assert [(request.method, request.body, request.token) for request in script.requests] == [
        ("PUT", b"{}", f"token-{n}") for n in (1, 2)
    ]


@pytest.mark.asyncio
async def test_second_401_is_returned() -> None:
    script = ScriptedTransport(make_response(b"", 401), make_response(b"", 401))
    async with make_transport(script) as transport:
        assert (await transport.send("GET", f"{ENDPOINT}/x")).status == 401


@pytest.mark.asyncio
async def test_401_body_is_limited_and_not_decompressed() -> None:
    bomb = RawResponse(401, [("Content-Encoding", "gzip")], gzip.compress(b"0" * 1_000_000) + b"garbage")
    huge = make_response(b"0" * (MAX_RESPONSE_SIZE + 1), 401)
    script = ScriptedTransport(bomb, IMAGE_SUCCEEDED, huge, IMAGE_SUCCEEDED)
    async with make_transport(script) as transport:
        assert (await transport.send("GET", f"{ENDPOINT}/x")).status == 200
        assert (await transport.send("GET", f"{ENDPOINT}/x")).status == 200


@pytest.mark.asyncio
async def test_failed_sign_in_sends_nothing() -> None:
    script = ScriptedTransport()
    credential = CountingCredential()
    credential.fault = RuntimeError("run az login")
    async with make_transport(script, credential) as transport:
        with pytest.raises(SignInError, match="run az login"):
            await transport.send("GET", f"{ENDPOINT}/x")
    assert script.requests == []


# ── response bodies and headers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [0, 1, MAX_RESPONSE_SIZE])
async def test_body_of_up_to_8_mb_is_read(size: int) -> None:
    async with make_transport(ScriptedTransport(make_response(b"0" * size))) as transport:
        response = await transport.send("GET", f"{ENDPOINT}/x")
    assert (len(response.body), response.is_truncated) == (size, False)


UNREADABLE: dict[str, Any] = {
    "too large": make_response(b"0" * (MAX_RESPONSE_SIZE + 1)),
    "gzip": RawResponse(200, [("Content-Encoding", "gzip")], gzip.compress(b"{}")),
    "a decompression bomb": RawResponse(200, [("Content-Encoding", "gzip")], gzip.compress(b"0" * 64 * 1024 * 1024)),
    "invalid gzip": RawResponse(200, [("Content-Encoding", "gzip")], b"{}"),
    "another encoding": RawResponse(200, [("Content-Encoding", "BR, deflate")], b"{}"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("step", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_body_that_is_too_large_or_encoded_is_truncated(step: Any) -> None:
    async with make_transport(ScriptedTransport(step)) as transport:
        response = await transport.send("GET", f"{ENDPOINT}/x")
    assert (response.status, response.body, response.is_truncated, response.is_malformed) == (200, b"", True, True)


@pytest.mark.asyncio
async def test_repeated_headers_are_joined_or_must_agree() -> None:
    a, b = f"{ENDPOINT}/a", f"{ENDPOINT}/b"
    one = [("Retry-After", "5"), ("Retry-After", "5"), ("Location", a), ("location", a)]
    two = [("Azure-AsyncOperation", a), ("Azure-AsyncOperation", b)]
    async with make_transport(ScriptedTransport(RawResponse(200, [*one, *two]))) as transport:
        response = await transport.send("GET", f"{ENDPOINT}/x")
    assert response.retry_after() is None
    assert response.header_url("location") == a
    assert response.header_url("azure-asyncoperation") is None


@pytest.mark.asyncio
async def test_operation_identifier_header_is_dropped() -> None:
    raw = RawResponse(200, [("X-MS-Operation-Identifier", "tenantId=t,objectId=o"), ("X-MS-Request-Id", "r")])
    async with make_transport(ScriptedTransport(raw)) as transport:
        response = await transport.send("GET", f"{ENDPOINT}/x")
    assert dict(response.headers) == {"x-ms-request-id": "r"}


# ── faults on a real socket ─────────────────────────────────────────────────────────────────────────────────────────

INCOMPLETE = {
    "no response": b"",
    "half a head": b"HTTP/1.1 200 O",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "an invalid header": b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("raw", INCOMPLETE.values(), ids=INCOMPLETE.keys())
async def test_incomplete_response_raises_unreachable(raw: bytes) -> None:
    async with RawServer() as server:
        server.then(server.reply(raw))
        async with loopback_transport(server) as transport:
            with pytest.raises(UnreachableError, match="cannot be reached") as caught:
                await transport.send("PUT", f"{server.endpoint}/x?sig={SIGNATURE}", b"{}")
    assert server.bodies == [b"{}"]
    assert TOKEN not in exception_chain_text(caught.value)
    assert SIGNATURE not in exception_chain_text(caught.value)


@pytest.mark.asyncio
async def test_connection_reset_raises_unreachable() -> None:
    async with RawServer() as server:
        server.then(server.reset_at_once, server.reset_after_reading, server.reply(http_response(b"{}")))
        async with loopback_transport(server) as transport:
            for _ in range(2):
                with pytest.raises(UnreachableError):
                    await transport.send("GET", f"{server.endpoint}/x")
            assert (await transport.send("GET", f"{server.endpoint}/x")).status == 200


@pytest.mark.slow
@pytest.mark.asyncio
async def test_silence_and_slow_responses_time_out() -> None:
    async with RawServer() as server:
        server.then(server.silence, server.drip)
        async with loopback_transport(server, request_timeout=0.1) as transport:
            for _ in range(2):
                with pytest.raises(UnreachableError, match="did not respond"):
                    await transport.send("GET", f"{server.endpoint}/x")
    assert len(server.heads) == 2


@pytest.mark.asyncio
async def test_refused_connection_suggests_the_emulator() -> None:
    async with RawServer() as server:
        endpoint = server.endpoint
    async with ArmTransport(endpoint, "x/.default", credential=StaticCredential(TOKEN)) as transport:
        with pytest.raises(UnreachableError) as caught:
            await transport.send("GET", f"{endpoint}/x")
    assert caught.value.hint == Hint(HintKind.START_EMULATOR)


@pytest.mark.asyncio
async def test_cancellation_is_not_a_timeout() -> None:
    async with RawServer() as server:
        server.then(server.silence)
        async with loopback_transport(server) as transport:
            task = asyncio.create_task(transport.send("GET", f"{server.endpoint}/x"))
            await server.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_logs_contain_no_token_and_no_signature(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RawServer() as server:
        signed = f"{server.endpoint}/x?api-version=1&t=1&c=CERT&s={SIGNATURE}&h=HASH"
        headers = [
            f"Azure-AsyncOperation: {signed}",
            f"Location: {signed}",
            "x-ms-operation-identifier: tenantId=11111111",
        ]
        server.then(
            server.reply(http_response(b"{}", *headers)),
            server.reply(http_response(b"", status="503 Busy")),
            server.reset_at_once,
        )
        async with loopback_transport(server) as transport:
            first = await transport.send("PUT", f"{server.endpoint}/x", b"{}")
            await transport.send("GET", first.header_url("azure-asyncoperation") or "")
            with pytest.raises(UnreachableError):
                await transport.send("GET", signed)
    assert SIGNATURE.encode() in server.heads[1]
    logged = caplog.text + "".join(f"{record.msg!r} {record.args!r} {vars(record)!r}" for record in caplog.records)
    assert "/x?api-version=1&t=" in logged, "httpx logs URLs"
    assert "receive_response_headers" in logged, "httpcore logs headers"
    for secret in (TOKEN, SIGNATURE, "CERT&", "HASH", "11111111"):
        assert secret not in logged


# ── proxies and certificates ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_loopback_does_not_use_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer() as proxy, RawServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.endpoint)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        server.then(server.reply(http_response(b"{}")))
        async with loopback_transport(server) as transport:
            assert (await transport.send("GET", f"{server.endpoint}/x")).status == 200
    assert proxy.heads == []


@pytest.mark.asyncio
async def test_azure_uses_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint.replace("//", "//user:hunter2@"))
        proxy.then(proxy.reply(http_response(b"", status="403 Forbidden")))
        async with ArmTransport(ENDPOINT, SCOPE, credential=StaticCredential(TOKEN)) as transport:
            with pytest.raises(UnreachableError, match="403") as caught:
                await transport.send("GET", POLL_URL)
    assert proxy.heads[0].startswith(b"CONNECT management.azure.com:443 HTTP/1.1")
    assert TOKEN.encode() not in proxy.heads[0]
    assert "hunter2" not in exception_chain_text(caught.value)


@pytest.mark.parametrize("proxy", ["nonsense://user:hunter2@proxy.example", "socks5://user:hunter2@proxy.example"])
def test_unusable_proxy_raises_unreachable(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(UnreachableError, match="proxy") as caught:
        ArmTransport(ENDPOINT, SCOPE, credential=StaticCredential(TOKEN))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_unreadable_certificate_bundle_raises_unreachable(variable: str, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("not a certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "no.pem"):
        with pytest.raises(UnreachableError, match=variable):
            tls_context({variable: str(path)})


@pytest.mark.slow
def test_custom_bundle_replaces_the_system_roots(tmp_path: Path) -> None:
    assert tls_context({}).cert_store_stats()["x509_ca"] > 50
    assert tls_context({"SSL_CERT_FILE": str(tmp_path)}).cert_store_stats()["x509_ca"] == 0


def test_custom_transport_needs_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert isinstance(ArmTransport(ENDPOINT, SCOPE, transport=httpx.ASGITransport(lambda *_: None)), ArmTransport)  # type: ignore[arg-type]


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


class BlockingTransport(httpx.AsyncBaseTransport):
    """Responds only after it is released, and counts the requests that are waiting."""

    def __init__(self) -> None:
        self.waiting = 0
        self.released = asyncio.Event()
        self.request_started = asyncio.Semaphore(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waiting += 1
        self.request_started.release()
        await self.released.wait()
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))


@pytest.mark.asyncio
async def test_background_requests_leave_connections_and_time_out_from_sending() -> None:
    blocking = BlockingTransport()
    transport = ArmTransport(
        ENDPOINT, SCOPE, credential=StaticCredential(TOKEN), transport=blocking, request_timeout=0.2
    )
    async with transport:
        background = [
            asyncio.ensure_future(transport.send("GET", f"{ENDPOINT}/{n}", background=True)) for n in range(50)
        ]
        for _ in range(MAX_CONNECTIONS - RESERVED_CONNECTIONS):
            await blocking.request_started.acquire()
        interactive = asyncio.ensure_future(transport.send("GET", f"{ENDPOINT}/person"))
        await blocking.request_started.acquire()
        assert blocking.waiting == MAX_CONNECTIONS - RESERVED_CONNECTIONS + 1
        blocking.released.set()
        responses = await asyncio.gather(interactive, *background)
    assert {response.status for response in responses} == {200}
