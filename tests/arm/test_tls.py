"""Faults on real TLS sockets: certificates, resets before, during and after a PUT, silence, incomplete responses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from support.arm_responses import SPEC, image_resource
from support.clock import MovableClock
from support.raw_server import ConnectionHandler, RawServer, http_response
from support.scripted_transport import collect, exception_chain_text

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.credentials import StaticCredential
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.requests import MAX_ATTEMPTS
from kusto_magic.arm.transport import MAX_RESPONSE_SIZE, ArmTransport
from kusto_magic.errors import UnreachableError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import BuildState
from kusto_magic.models.target import Target

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]  # each fault has to time out

TOKEN = "s3cr3t-token"
REQUEST_TIMEOUT = 0.3
"""Request timeout of these tests in seconds; 60 in production."""


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest_asyncio.fixture
async def server(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawServer]:
    """Start a server whose certificate authority is trusted through SSL_CERT_FILE, like that of a company."""
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with RawServer(context) as running:
        yield running


def _arm(server: RawServer, clock: MovableClock) -> ArmTransport:
    return ArmTransport(
        server.endpoint, "x/.default", credential=StaticCredential(TOKEN), clock=clock, request_timeout=REQUEST_TIMEOUT
    )


async def built(server: RawServer, clock: MovableClock) -> list[Operation]:
    target = Target("12345678-1234-1234-1234-123456789098", "group", "cluster1", server.endpoint)
    async with _arm(server, clock) as arm:
        return await collect(ImagesClient.from_connection(arm, target).create_or_update_stream("img", SPEC))


def _json(document: object, *headers: str, status: str = "200 OK") -> bytes:
    import json

    return http_response(json.dumps(document).encode(), *headers, status=status)


def _successful_build(server: RawServer) -> list[ConnectionHandler]:
    """Return the steps of a successful build: a PUT, two polls, a GET of the image."""
    created = _json(
        image_resource("Creating"), f"Azure-AsyncOperation: {server.endpoint}/operation", status="201 Created"
    )
    polls = [_json({"status": "Running"}), _json({"status": "Succeeded"})]
    return [server.reply(raw) for raw in (created, *polls, _json(image_resource()))]


async def abort_in_the_head(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(20)
    writer.transport.abort()


def _faults(server: RawServer) -> dict[str, ConnectionHandler]:
    async def reset_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await abort_in_the_head(server, reader, writer)

    return {
        "reset before": server.reset_at_once,
        "reset during": reset_in_the_middle,
        "reset after": server.reset_after_reading,
        "silence": server.silence,
        "drip": server.drip,
        "incomplete": server.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        "html": server.reply(http_response(b"<html>Bad gateway</html>", status="502 Bad Gateway")),
    }


FAULTS = ("reset before", "reset during", "reset after", "silence", "drip", "incomplete", "html")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(4), ids=["PUT", "first poll", "second poll", "image"])
async def test_build_survives_a_fault_at_any_request(server: RawServer, fault: str, at: int) -> None:
    acts = _successful_build(server)
    server.then(*acts[:at], _faults(server)[fault], *acts[at:])
    clock = MovableClock()
    operations = await built(server, clock)
    assert operations[-1].state is BuildState.SUCCEEDED
    assert clock.slept, "a request is retried only after a delay"
    heads = [head.split(b" ")[0] for head in server.heads]
    assert heads.count(b"PUT") == (2 if at == 0 and "before" not in fault and "during" not in fault else 1)
    assert all(f"authorization: bearer {TOKEN}".encode() in head.lower() for head in server.heads)


async def test_silent_server_raises_and_may_have_received_the_request(server: RawServer) -> None:
    server.then(*[server.silence] * MAX_ATTEMPTS)
    with pytest.raises(UnreachableError, match="did not respond") as caught:
        await built(server, MovableClock())
    assert len(server.heads) == MAX_ATTEMPTS
    assert caught.value.may_have_arrived
    assert caught.value.hint == Hint(HintKind.CHECK_ARRIVAL, "img", then=Hint(HintKind.START_EMULATOR))
    assert TOKEN not in exception_chain_text(caught.value)


async def test_untrusted_certificate_authority_gets_no_request(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    server.then(*[_never] * MAX_ATTEMPTS)
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        await built(server, MovableClock())
    assert server.heads == []
    assert caught.value.hint == Hint(HintKind.EXTEND_CA_BUNDLE, "SSL_CERT_FILE")


async def _never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    raise AssertionError("unexpected request")


async def test_certificate_of_another_host_gets_no_request(authority: trustme.CA, server: RawServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("management.azure.com").configure_cert(context)
    async with RawServer(context) as other:
        other.then(*[_never] * MAX_ATTEMPTS)
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            await built(other, MovableClock())
    assert (other.heads, server.heads) == ([], [])


async def test_plain_http_instead_of_tls_raises_unreachable() -> None:
    async with RawServer() as plain:

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert TOKEN.encode() not in await reader.read(2000)
            writer.write(http_response(b"", status="400 Bad Request"))

        plain.then(refuse)
        endpoint = plain.endpoint.replace("http:", "https:")
        async with ArmTransport(
            endpoint, "x/.default", credential=StaticCredential(TOKEN), request_timeout=REQUEST_TIMEOUT
        ) as arm:
            with pytest.raises(UnreachableError, match="SSL"):
                await arm.send("GET", f"{endpoint}/x")


async def test_response_of_200_mb_is_truncated(server: RawServer) -> None:
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
