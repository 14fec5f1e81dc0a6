"""azure-identity itself, against a token service on loopback."""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.answers import ENDPOINT, THERE, answer
from support.entra import CLIENT, SECRET, TENANT, Entra, black_hole, jwt, metadata_service, token_service
from support.wire import ScriptedTransport, whole_chain

from kusto_magic.arm.credentials import (
    SIGN_IN_TIMEOUT,
    CredentialFactory,
    EmulatorCredential,
    NamedCredential,
    Prompt,
    authority,
    sign_in_failed,
)
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import SignInFailed
from kusto_magic.settings import CREDENTIAL_TYPES, credential_type_problem

SCOPE = f"{ENDPOINT}/.default"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a fake `az` is a script")


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """A token service that this process's environment leads to; no other way to sign in is set up."""
    _nothing_set_up(monkeypatch, tmp_path)
    with token_service(tmp_path) as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


def _nothing_set_up(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith(("AZURE_", "MSI_", "IDENTITY_", "IMDS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(path / "bin"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def _environment_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)


async def asked(script: ScriptedTransport, credential: Any, times: int = 1) -> ArmTransport:
    async with ArmTransport(ENDPOINT, SCOPE, credential=credential, transport=script, clock=script.clock) as arm:
        for _ in range(times):
            await arm.send("GET", f"{ENDPOINT}/x")
    return arm


def _at_the_real_time(script: ScriptedTransport) -> ScriptedTransport:
    script.clock.move(time.time() - script.clock.wall().timestamp())
    return script


def _script(*steps: Any) -> ScriptedTransport:
    return _at_the_real_time(ScriptedTransport(*steps, forever=THERE))


# ── what the environment names ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["environment", "default"])
async def test_a_client_secret(entra: Entra, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _environment_of_a_secret(monkeypatch)
    script = _script()
    arm = await asked(script, CredentialFactory(kind)(ENDPOINT), times=3)
    assert [it.token for it in script.asked] == [jwt(appid=CLIENT, n=1)] * 3
    assert entra.tokens == 1, "a token is asked for once in its life"
    assert entra.asked[0].path == f"/{TENANT}/oauth2/v2.0/token"
    assert entra.asked[0].given["client_secret"] == SECRET
    assert arm.identity == "application aaaaaaaa…"


@pytest.mark.asyncio
async def test_a_token_is_renewed_while_polling(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity keeps tokens too, by the time of day; a short life is what both of them see."""
    _environment_of_a_secret(monkeypatch)
    entra.life = 20
    script = _script()
    async with ArmTransport(
        ENDPOINT, SCOPE, credential=CredentialFactory("environment")(ENDPOINT), transport=script, clock=script.clock
    ) as arm:
        await arm.send("GET", f"{ENDPOINT}/x")
        script.clock.move(11)
        await arm.send("GET", f"{ENDPOINT}/x")
    assert [it.token for it in script.asked] == [jwt(appid=CLIENT, n=n) for n in (1, 2)]


@pytest.mark.asyncio
async def test_workload_identity(entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "federated").write_text("planted.federated.token")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "federated"))
    script = _script()
    await asked(script, CredentialFactory("workload")(ENDPOINT))
    assert entra.asked[0].given["client_assertion"] == "planted.federated.token"
    assert script.asked[0].token == jwt(appid=CLIENT, n=1)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["managed", "default"])
async def test_managed_identity_of_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    with metadata_service() as service:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{service.endpoint}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", "planted-header")
        script = _script()
        await asked(script, CredentialFactory(kind)(ENDPOINT), times=2)
    assert [it.given["resource"] for it in service.asked] == [ENDPOINT]
    assert script.asked[0].token == jwt(appid=CLIENT, n=1)


@pytest.mark.asyncio
async def test_managed_identity_of_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    with metadata_service() as service:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.endpoint)
        script = _script()
        await asked(script, CredentialFactory("managed")(ENDPOINT))
    assert service.asked[-1].path == "/metadata/identity/oauth2/token"
    assert script.asked[0].token == jwt(appid=CLIENT, n=1)


# ── az ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _az(tmp_path: Path, script: str) -> Path:
    """Put a fake `az` on the PATH of these tests; it writes a line into the file it returns each time it runs."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    az = folder / "az"
    az.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\n{script}\n")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    return calls


@POSIX
@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["cli", "default"])
async def test_az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")  # no metadata service is asked on the machine of this test
    token = jwt(upn="ada@example.com")
    ends = int(time.time()) + 3600
    calls = _az(tmp_path, f'echo \'{{"accessToken": "{token}", "expires_on": {ends}}}\'')
    script = _script()
    arm = await asked(script, CredentialFactory(kind)(ENDPOINT), times=5)
    assert {it.token for it in script.asked} == {token}
    assert calls.read_text().splitlines() == [
        f"account get-access-token --output json --resource {ENDPOINT}",
    ], "az is run once, not for each request"
    assert arm.identity == "ada@example.com"


@POSIX
@pytest.mark.parametrize(
    ("said", "what", "step"),
    [
        ("ERROR: Please run 'az login' to setup account.", "nobody is signed in to az", "az login"),
        ("ERROR: AADSTS700082: The refresh token has expired due to inactivity.", "expired (AADSTS700082)", "az login"),
        ("ERROR: AADSTS50076: you must use multi-factor authentication", "second factor", "--as browser"),
        (f"ERROR: AADSTS90002: Tenant '{TENANT}' not found.", "tenant is not known", "AZURE_TENANT_ID"),
    ],
)
def test_what_az_complains_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, what: str, step: str) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    _az(tmp_path, f'echo "{said}" >&2; exit 1')
    with pytest.raises(SignInFailed) as caught:
        NamedCredential("cli", ENDPOINT).get_token(SCOPE)
    assert what in caught.value.what
    assert step in caught.value.next_step
    assert len(caught.value.lines()) == 2
    assert TENANT not in whole_chain(caught.value)


@POSIX
@pytest.mark.asyncio
async def test_a_claims_challenge_that_az_cannot_answer_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    _az(tmp_path, f'echo \'{{"accessToken": "{jwt(upn="ada")}", "expires_on": {int(time.time()) + 3600}}}\'')
    with pytest.raises(SignInFailed, match="asks for a new sign-in"):
        await asked(_script(_challenged()), CredentialFactory("cli")(ENDPOINT))


# ── a claims challenge ───────────────────────────────────────────────────────────────────────────────────────────

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'


def _challenged(
    claims: str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzAwMDAwMDAwIn19fQ==",
) -> Any:
    challenge = f'Bearer authorization_uri="https://login.example/", error="insufficient_claims", claims="{claims}"'
    return answer(b"", 401, {"www-authenticate": challenge})


@pytest.mark.asyncio
async def test_a_claims_challenge_of_the_endpoint_is_answered_once(
    entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment_of_a_secret(monkeypatch)
    script = _script(_challenged(), THERE, answer(b"", 401), THERE)
    await asked(script, CredentialFactory("environment")(ENDPOINT), times=2)
    assert [it.given.get("claims") for it in entra.asked][:2] == [None, CLAIMS]
    assert script.asked[1].token == jwt(appid=CLIENT, n=2)
    assert all(it.given.get("claims") is None for it in entra.asked[2:])


# ── a person ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_device_code(entra: Entra) -> None:
    entra.claims, entra.pending = {"upn": "ada@example.com"}, 2
    shown: list[tuple[str, str, datetime]] = []
    prompt: Prompt = lambda *what: shown.append(what)  # noqa: E731
    credential = NamedCredential("device", ENDPOINT, prompt)
    assert credential.timeout == 900
    assert credential.get_token(SCOPE).token == jwt(upn="ada@example.com", n=3)
    assert [what[:2] for what in shown] == [("https://login.example/device", "BKTN7QZD")]
    assert (credential.timeout, entra.tokens) == (SIGN_IN_TIMEOUT, 3)
    credential.get_token(SCOPE)
    assert (len(shown), entra.tokens) == (1, 3), "nobody is asked again"


@pytest.mark.parametrize("kind", ["device", "browser"])
def test_nobody_is_asked_who_is_not_there(entra: Entra, kind: str) -> None:
    with pytest.raises(SignInFailed, match="somebody has to sign in") as caught:
        NamedCredential(kind, ENDPOINT).get_token(SCOPE)
    assert f"use --as {kind}" in caught.value.next_step
    assert entra.tokens == 0


def test_a_person_whose_sign_in_has_ended_is_asked_in_words_not_in_the_background(entra: Entra) -> None:
    shown: list[object] = []
    credential = NamedCredential("device", ENDPOINT, lambda *what: shown.append(what))
    credential.get_token(SCOPE)
    entra.fault = lambda _: (400, {"error": "invalid_grant", "error_description": "AADSTS700082: expired"})
    with pytest.raises(SignInFailed, match=r"expired \(AADSTS700082\)|somebody has to sign in") as caught:
        credential.get_token("https://other.example/.default")
    assert len(shown) == 1
    assert "planted" not in whole_chain(caught.value)


def test_a_code_that_nobody_typed(entra: Entra) -> None:
    entra.fault = lambda _: (400, {"error": "expired_token", "error_description": "AADSTS70020: the code has expired"})
    credential = NamedCredential("device", ENDPOINT, lambda *_: None)
    with pytest.raises(SignInFailed, match="AADSTS70020"):
        credential.get_token(SCOPE)
    with pytest.raises(SignInFailed, match="somebody has to sign in"):
        credential.get_token(SCOPE)


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_secret(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    _environment_of_a_secret(monkeypatch)
    words = f"AADSTS7000215: Invalid client secret provided for app '{CLIENT}' in tenant {TENANT}. Trace ID: x"
    entra.fault = lambda _: (401, {"error": "invalid_client", "error_description": words})
    with pytest.raises(SignInFailed, match="secret is wrong or has expired") as caught:
        NamedCredential("environment", ENDPOINT).get_token(SCOPE)
    assert "AZURE_CLIENT_SECRET" in caught.value.next_step
    said = whole_chain(caught.value)
    assert not any(secret in said for secret in (SECRET, TENANT, CLIENT))


@pytest.mark.parametrize("kind", ["environment", "workload", "cli", "powershell", "developer"])
def test_a_way_that_is_not_set_up_says_so_in_two_lines(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    with pytest.raises(SignInFailed) as caught:
        NamedCredential(kind, ENDPOINT).get_token(SCOPE)
    assert len(caught.value.lines()) == 2
    assert all(len(line) < 200 for line in caught.value.lines())


def test_the_chain_says_in_two_lines_that_nothing_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _nothing_set_up(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    with pytest.raises(SignInFailed, match="none of the usual ways") as caught:
        NamedCredential("default", ENDPOINT).get_token(SCOPE)
    assert len(caught.value.lines()) == 2
    assert "az login" in caught.value.next_step


def test_a_token_service_that_is_not_there(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    _environment_of_a_secret(monkeypatch)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1")
    error = ServiceRequestError(f"no connection to https://127.0.0.1:1/{TENANT}")
    assert sign_in_failed(error, "environment").what == "no token: the sign-in cannot be reached"


class ServiceRequestError(Exception):
    """By the name of azure-core's: its own tries for a minute."""


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["default", "managed"])
async def test_a_metadata_service_that_swallows_requests_is_bounded(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity alone would wait here for minutes."""
    _nothing_set_up(monkeypatch, tmp_path)
    with black_hole() as address:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address)
        script = _script()
        credential = Quick(kind)
        with pytest.raises(SignInFailed, match="within 0 seconds") as caught:
            await asked(script, credential)
    assert script.asked == []
    assert "--as cli" in caught.value.next_step


class Quick(NamedCredential):
    """One that is given less time, so that the test waits less."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind, ENDPOINT)

    @property
    def timeout(self) -> float:
        return 0.3


@pytest.mark.parametrize("kind", CREDENTIAL_TYPES)
def test_no_way_to_sign_in_may_take_more_than_twelve_seconds_without_a_person(kind: str) -> None:
    assert NamedCredential(kind, ENDPOINT).timeout <= 12


# ── names and clouds ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "hint"), [("clii", "cli"), ("Device", "device"), ("azd", "it is one of"), ("", "")])
def test_a_wrong_name_names_the_closest(name: str, hint: str) -> None:
    assert hint in credential_type_problem(name)
    assert all(credential_type_problem(kind) == "" for kind in CREDENTIAL_TYPES)


def test_each_cloud_signs_in_at_its_own_host() -> None:
    assert authority(ENDPOINT, {}) == "login.microsoftonline.com"
    assert authority("https://management.usgovcloudapi.net", {}) == "login.microsoftonline.us"
    assert authority("https://management.chinacloudapi.cn", {}) == "login.chinacloudapi.cn"
    assert authority(ENDPOINT, {"AZURE_AUTHORITY_HOST": "https://own.example"}) == "https://own.example"


def test_whatever_is_chosen_no_token_of_azure_goes_to_this_machine() -> None:
    assert isinstance(CredentialFactory("cli")("http://127.0.0.1:1"), EmulatorCredential)


def test_one_credential_for_an_endpoint() -> None:
    way = CredentialFactory("cli")
    assert way(ENDPOINT) is way(ENDPOINT)
    assert way(ENDPOINT) is not way("https://management.usgovcloudapi.net")
    assert "cli" in repr(way(ENDPOINT))


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_no_log_shows_a_token_a_secret_or_a_tenant(
    entra: Entra, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _environment_of_a_secret(monkeypatch)
    await asked(_script(), CredentialFactory("default")(ENDPOINT))
    device = NamedCredential("device", ENDPOINT, lambda *_: None)
    device.get_token(SCOPE)
    words = f"AADSTS7000215: Invalid client secret in tenant {TENANT}"
    entra.fault = lambda _: (401, {"error": "invalid_client", "error_description": words})
    with pytest.raises(SignInFailed):
        await asked(_script(), CredentialFactory("environment")(ENDPOINT))
    said = caplog.text + "".join(f"{record.msg!r} {record.args!r} {vars(record)!r}" for record in caplog.records)
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert {"azure", "msal", "urllib3"} <= names, "the libraries log"
    assert "Traceback" in said, "also tracebacks"
    for secret in (SECRET, TENANT, "planted-refresh-token", "planted-device-code", jwt(appid=CLIENT, n=1)[:40]):
        assert secret not in said
