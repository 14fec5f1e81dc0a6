"""The client proves that a connection leads to its emulator before it sends the emulator's token on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest
from support.home import Home
from support.impostor import impostor_of
from support.raw_server import RawServer, http_response

from kusto_magic.arm import local_emulator
from kusto_magic.arm.emulator_proof import ConnectionProof, UnprovenEmulatorError
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION

pytestmark = pytest.mark.slow  # most tests start the emulator process


@pytest.fixture
def folder(home: Home) -> Iterator[Path]:
    """Use a separate folder, and stop the emulator afterwards."""
    yield local_emulator.home_folder()
    local_emulator.stop()


def cluster_url(emulator: local_emulator.RunningEmulator) -> str:
    target = emulator.target
    group = f"{target.endpoint}/subscriptions/{target.subscription}/resourceGroups/{target.resource_group}"
    return f"{group}/providers/Microsoft.Kusto/clusters/{target.cluster}?api-version={API_VERSION}"


def make_transport(emulator: local_emulator.RunningEmulator) -> ArmTransport:
    return ArmTransport(emulator.target.endpoint, "https://management.azure.com/.default")


def test_find_sends_no_token_to_another_program_on_the_port(folder: Path) -> None:
    emulator = local_emulator.start(build_seconds=0)
    local_emulator.stop()

    with impostor_of(emulator) as impostor:
        assert local_emulator.find() is None
        assert local_emulator.stop() is False
    assert impostor.paths
    assert impostor.tokens == []


def test_start_replaces_the_emulator_whose_port_is_taken(folder: Path) -> None:
    emulator = local_emulator.start(build_seconds=0)
    local_emulator.stop()

    with impostor_of(emulator) as impostor:
        started = local_emulator.find_or_start(build_seconds=0)
        assert started.target.endpoint != emulator.target.endpoint
        assert local_emulator.find() == started
    assert impostor.tokens == []


def test_find_rejects_a_proof_that_is_relayed_from_another_port(folder: Path) -> None:
    emulator = local_emulator.start(build_seconds=0)
    file = folder / "emulator.json"
    written = file.read_text()

    with impostor_of(emulator, 0, relay_to=emulator.target.endpoint) as impostor:
        document = json.loads(written) | {"endpoint": f"http://127.0.0.1:{impostor.port}"}
        file.write_text(json.dumps(document))
        assert local_emulator.find() is None
    assert [path for path in impostor.paths if path.startswith("/emulator/proof?nonce=")]
    assert impostor.tokens == []
    file.write_text(written)


@pytest.mark.asyncio
async def test_open_client_sends_no_token_to_a_program_that_takes_over_the_port(folder: Path) -> None:
    emulator = await asyncio.to_thread(local_emulator.start, 0)
    async with make_transport(emulator) as transport:
        assert (await transport.send("GET", cluster_url(emulator))).status == 200
        await asyncio.to_thread(local_emulator.stop)
        with impostor_of(emulator) as impostor:
            for _ in range(2):
                with pytest.raises(SignInError, match="no token") as caught:
                    await transport.send("GET", cluster_url(emulator))
                assert caught.value.hint == Hint(HintKind.START_EMULATOR)
        assert impostor.paths
        assert impostor.tokens == []
        again = await asyncio.to_thread(local_emulator.start, 0)
        assert again.target.endpoint == emulator.target.endpoint
        assert again.target.token != emulator.target.token
        assert (await transport.send("GET", cluster_url(again))).status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "response",
    [
        http_response(b""),
        http_response(b"0" * 64),
        http_response(b"0" * 10_000),
        http_response(b"0" * 64, status="401 Unauthorized"),
        b"0" * 100_000,
        b"",
    ],
    ids=["empty", "wrong proof", "too long", "refused", "endless header", "nothing"],
)
async def test_other_responses_are_no_proof(response: bytes) -> None:
    async with RawServer() as server:
        server.then(server.reply(response))
        with pytest.raises(UnprovenEmulatorError):
            await connect(server, "s3cret", timeout=5.0)
    assert b"s3cret" not in b"".join(server.heads)


@pytest.mark.asyncio
async def test_endless_and_silent_responses_are_no_proof() -> None:
    async with RawServer() as server:
        server.then(server.drip, server.silence)
        for _ in range(2):
            with pytest.raises(UnprovenEmulatorError):
                await connect(server, "s3cret", timeout=0.2)


async def connect(server: RawServer, token: str, timeout: float) -> None:
    """Connect with a proof; the request itself would carry no token here."""
    proof: Any = ConnectionProof(token, server.endpoint, timeout)
    async with httpcore.AsyncConnectionPool() as pool:
        await pool.request("GET", server.endpoint, extensions={"trace": proof.verify_async})


def test_repr_contains_no_token() -> None:
    assert "s3cret" not in repr(ConnectionProof("s3cret", "http://127.0.0.1:1"))
