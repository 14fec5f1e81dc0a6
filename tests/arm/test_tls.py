"""Faults over real sockets with TLS: certificates, resets before, during and after a PUT, silence, torn answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from support.answers import SPEC, image
from support.clock import MovableClock
from support.rawserver import Act, RawServer, http
from support.wire import every, whole_chain

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.requests import MAX_ATTEMPTS
from kusto_magic.arm.transport import MAX_RESPONSE_SIZE, ArmTransport
from kusto_magic.errors import Unreachable
from kusto_magic.models.action import Phase
from kusto_magic.models.target import Target

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]  # each fault is waited for

TOKEN = "s3cr3t-token"
LIMIT = 0.3
"""Seconds of silence until a request is given up here; 60 outside tests."""


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture
async def server(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawServer]:
    """A server whose authority is trusted by SSL_CERT_FILE, as a company's is."""
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with RawServer(context) as running:
        yield running


def _arm(server: RawServer, clock: MovableClock) -> ArmTransport:
    return ArmTransport(
        server.endpoint, "x/.default", credential=StaticCredential(TOKEN), clock=clock, request_limit=LIMIT
    )


async def built(server: RawServer, clock: MovableClock) -> list[Operation]:
    target = Target("12345678-1234-1234-1234-123456789098", "group", "cluster1", server.endpoint)
    async with _arm(server, clock) as arm:
        return await every(ImagesClient(arm, target).build("img", SPEC))


def _json(document: object, *headers: str, status: str = "200 OK") -> bytes:
    import json

    return http(json.dumps(document).encode(), *headers, status=status)


def _good(server: RawServer) -> list[Act]:
    """Return the acts of a build that goes well: a PUT, two polls, a look at the image."""
    begun = _json(image("Creating"), f"Azure-AsyncOperation: {server.endpoint}/operation", status="201 Created")
    polls = [_json({"status": "Running"}), _json({"status": "Succeeded"})]
    return [server.reply(raw) for raw in (begun, *polls, _json(image()))]


async def torn_in_the_head(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(20)
    writer.transport.abort()


def _faults(server: RawServer) -> dict[str, Act]:
    async def reset_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await torn_in_the_head(server, reader, writer)

    return {
        "reset before": server.reset_at_once,
        "reset during": reset_in_the_middle,
        "reset after": server.reset_after_reading,
        "silence": server.silence,
        "drip": server.drip,
        "torn": server.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        "html": server.reply(http(b"<html>Bad gateway</html>", status="502 Bad Gateway")),
    }


FAULTS = ("reset before", "reset during", "reset after", "silence", "drip", "torn", "html")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(4), ids=["PUT", "first poll", "second poll", "image"])
async def test_a_fault_at_any_request_is_survived(server: RawServer, fault: str, at: int) -> None:
    acts = _good(server)
    server.then(*acts[:at], _faults(server)[fault], *acts[at:])
    clock = MovableClock()
    operations = await built(server, clock)
    assert operations[-1].phase is Phase.SUCCEEDED
    assert clock.slept, "no request is sent again at once"
    heads = [head.split(b" ")[0] for head in server.heads]
    assert heads.count(b"PUT") == (2 if at == 0 and "before" not in fault and "during" not in fault else 1)
    assert all(f"authorization: bearer {TOKEN}".encode() in head.lower() for head in server.heads)


async def test_a_server_that_stays_silent_is_given_up_and_may_have_heard(server: RawServer) -> None:
    server.then(*[server.silence] * MAX_ATTEMPTS)
    with pytest.raises(Unreachable, match="did not answer in time") as caught:
        await built(server, MovableClock())
    assert len(server.heads) == MAX_ATTEMPTS
    assert "attach img" in caught.value.next_step
    assert TOKEN not in whole_chain(caught.value)


async def test_an_authority_that_is_not_trusted_gets_no_request(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    server.then(*[_never] * MAX_ATTEMPTS)
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED") as caught:
        await built(server, MovableClock())
    assert server.heads == []
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert "arrived" not in caught.value.next_step


async def _never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    raise AssertionError("a request came")


async def test_a_certificate_of_another_host_gets_no_request(authority: trustme.CA, server: RawServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("management.azure.com").configure_cert(context)
    async with RawServer(context) as other:
        other.then(*[_never] * MAX_ATTEMPTS)
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await built(other, MovableClock())
    assert (other.heads, server.heads) == ([], [])


async def test_plain_http_where_tls_is_expected_is_no_answer() -> None:
    async with RawServer() as plain:

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert TOKEN.encode() not in await reader.read(2000)
            writer.write(http(b"", status="400 Bad Request"))

        plain.then(refuse)
        endpoint = plain.endpoint.replace("http:", "https:")
        async with ArmTransport(endpoint, "x/.default", credential=StaticCredential(TOKEN), request_limit=LIMIT) as arm:
            with pytest.raises(Unreachable, match="SSL"):
                await arm.send("GET", f"{endpoint}/x")


async def test_an_answer_of_200_mb_is_hung_up_on(server: RawServer) -> None:
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await server.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        while written < 200_000_000:
            writer.write(b" " * 65536)
            await writer.drain()
            written += 65536

    server.then(flood)
    clock = MovableClock()
    async with ArmTransport(server.endpoint, "x/.default", credential=StaticCredential(TOKEN), clock=clock) as arm:
        response = await arm.send("GET", f"{server.endpoint}/x")
    assert (response.is_truncated, response.body) == (True, b"")
    assert written < 4 * MAX_RESPONSE_SIZE
