"""The real azure-identity with a token service on loopback."""

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
from support.arm_responses import ENDPOINT, IMAGE_SUCCEEDED, SUBSCRIPTION, make_response
from support.entra import CLIENT, SECRET, TENANT, Entra, black_hole, jwt, metadata_service, token_service
from support.scripted_transport import ScriptedTransport, exception_chain_text

from kusto_magic.arm.authority import authority
from kusto_magic.arm.credentials import (
    SIGN_IN_TIMEOUT,
    CredentialFactory,
    EmulatorCredential,
    NamedCredential,
    Prompt,
)
from kusto_magic.arm.sign_in_errors import sign_in_error
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.sign_in_methods import CREDENTIAL_TYPES, credential_type_problem

SCOPE = f"{ENDPOINT}/.default"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a fake `az` is a script")


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """Start a token service that the environment points to; no other sign-in method is set up."""
    _clear_environment(monkeypatch, tmp_path)
    with token_service(tmp_path) as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


def _clear_environment(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith(("AZURE_", "MSI_", "IDENTITY_", "IMDS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(path / "bin"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def _set_client_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)


async def send_requests(script: ScriptedTransport, credential: Any, times: int = 1) -> ArmTransport:
    async with ArmTransport(ENDPOINT, SCOPE, credential=credential, transport=script, clock=script.clock) as arm:
        for _ in range(times):
            await arm.send("GET", f"{ENDPOINT}/x")
    return arm


def _with_current_time(script: ScriptedTransport) -> ScriptedTransport:
    script.clock.move(time.time() - script.clock.wall().timestamp())
    return script


def _script(*steps: Any) -> ScriptedTransport:
    return _with_current_time(ScriptedTransport(*steps, default=IMAGE_SUCCEEDED))


# ── environment, workload and managed identity ──────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["environment", "default"])
async def test_client_secret_gets_one_token(entra: Entra, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _set_client_secret(monkeypatch)
    script = _script()
    arm = await send_requests(script, CredentialFactory(kind)(ENDPOINT), times=3)
    assert [request.token for request in script.requests] == [jwt(appid=CLIENT, n=1)] * 3
    assert entra.tokens == 1, "the token is cached"
    assert entra.requests[0].path == f"/{TENANT}/oauth2/v2.0/token"
    assert entra.requests[0].given["client_secret"] == SECRET
    assert arm.identity == "application aaaaaaaa…"


@pytest.mark.slow
@pytest.mark.asyncio
async def test_token_is_renewed_between_requests(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity caches tokens as well, by the wall clock; a short lifetime expires in both caches."""
    _set_client_secret(monkeypatch)
    entra.life = 20
    script = _script()
    async with ArmTransport(
        ENDPOINT, SCOPE, credential=CredentialFactory("environment")(ENDPOINT), transport=script, clock=script.clock
    ) as arm:
        await arm.send("GET", f"{ENDPOINT}/x")
        script.clock.move(11)
        await arm.send("GET", f"{ENDPOINT}/x")
    assert [request.token for request in script.requests] == [jwt(appid=CLIENT, n=n) for n in (1, 2)]


@pytest.mark.asyncio
async def test_workload_identity_sends_the_federated_token(
    entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "federated").write_text("planted.federated.token")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "federated"))
    script = _script()
    await send_requests(script, CredentialFactory("workload")(ENDPOINT))
    assert entra.requests[0].given["client_assertion"] == "planted.federated.token"
    assert script.requests[0].token == jwt(appid=CLIENT, n=1)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["managed", "default"])
async def test_managed_identity_of_a_service_gets_one_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    with metadata_service() as service:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{service.endpoint}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", "planted-header")
        script = _script()
        await send_requests(script, CredentialFactory(kind)(ENDPOINT), times=2)
    assert [request.given["resource"] for request in service.requests] == [ENDPOINT]
    assert script.requests[0].token == jwt(appid=CLIENT, n=1)


@pytest.mark.asyncio
async def test_managed_identity_of_a_machine_gets_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _clear_environment(monkeypatch, tmp_path)
    with metadata_service() as service:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.endpoint)
        script = _script()
        await send_requests(script, CredentialFactory("managed")(ENDPOINT))
    assert service.requests[-1].path == "/metadata/identity/oauth2/token"
    assert script.requests[0].token == jwt(appid=CLIENT, n=1)


# ── az ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _az(tmp_path: Path, script: str) -> Path:
    """Put a fake `az` on the PATH; return the file to which each run appends its arguments."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    az = folder / "az"
    az.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\n{script}\n")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    return calls


@POSIX
@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["cli", "default"])
async def test_az_is_run_once_for_several_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")  # skips the metadata service of the machine that runs the test
    token = jwt(upn="ada@example.com")
    ends = int(time.time()) + 3600
    calls = _az(tmp_path, f'echo \'{{"accessToken": "{token}", "expires_on": {ends}}}\'')
    script = _script()
    arm = await send_requests(script, CredentialFactory(kind)(ENDPOINT), times=5)
    assert {request.token for request in script.requests} == {token}
    assert calls.read_text().splitlines() == [
        f"account get-access-token --output json --resource {ENDPOINT}",
    ], "az is run once, not for each request"
    assert (arm.identity, arm.account) == ("a user", f"ada@example.com in tenant {TENANT}")


IN_TENANT = Hint(HintKind.SIGN_IN_TO_TENANT)
AZ_LOGIN = Hint(HintKind.RUN_COMMAND, "az login")
SET_CLIENT = Hint(HintKind.SET_VARIABLES, values=("AZURE_CLIENT_ID", "AZURE_TENANT_ID"))


@POSIX
@pytest.mark.parametrize(
    ("output", "what", "hint"),
    [
        ("ERROR: Please run 'az login' to setup account.", "the Azure CLI (az) is not signed in", AZ_LOGIN),
        ("ERROR: AADSTS700082: The refresh token has expired due to inactivity.", "expired (AADSTS700082)", AZ_LOGIN),
        ("ERROR: AADSTS50076: you must use multi-factor authentication", "multifactor authentication", IN_TENANT),
        (f"ERROR: AADSTS90002: Tenant '{TENANT}' not found.", "tenant was not found", SET_CLIENT),
    ],
)
def test_az_error_is_shown_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, what: str, hint: Hint
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    _az(tmp_path, f'echo "{output}" >&2; exit 1')
    with pytest.raises(SignInError) as caught:
        NamedCredential("cli", ENDPOINT).get_token(SCOPE)
    assert what in caught.value.what
    assert caught.value.hint == hint
    assert len(caught.value.lines()) == 2
    assert TENANT not in exception_chain_text(caught.value)


OTHER = "22222222-2222-3333-4444-555555555555"
NO_SUBSCRIPTION = Hint(HintKind.CHECK_SUBSCRIPTION)
MORE_TIME = Hint(HintKind.ALLOW_MORE_TIME, "az account show", ("60",))
INSTALL_AZ = Hint(HintKind.INSTALL_TOOL, "az", ("az login",), then=Hint(HintKind.CHOOSE_CREDENTIAL, values=("device",)))


def _token_script(upn: str = "ada@example.com") -> str:
    return f'echo \'{{"accessToken": "{jwt(upn=upn)}", "expires_on": {int(time.time()) + 3600}}}\''


def _failure(kind: str = "cli", **options: Any) -> SignInError:
    with pytest.raises(SignInError) as caught:
        CredentialFactory(kind, **options)(ENDPOINT, SUBSCRIPTION).get_token(SCOPE)
    return caught.value


@POSIX
@pytest.mark.parametrize("kind", ["cli", "default"])
@pytest.mark.parametrize(
    ("tenant", "variable", "expected"),
    [
        ("", "", f"--subscription {SUBSCRIPTION}"),
        ("", OTHER, f"--tenant {OTHER}"),
        ("contoso.example", "", "--tenant contoso.example"),
        ("contoso.example", OTHER, "--tenant contoso.example"),
    ],
)
def test_az_is_asked_for_the_tenant_or_the_subscription(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, tenant: str, variable: str, expected: str
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    monkeypatch.setenv("AZURE_TENANT_ID", variable)
    calls = _az(tmp_path, _token_script())
    CredentialFactory(kind, tenant=tenant)(ENDPOINT, SUBSCRIPTION).get_token(SCOPE)
    assert calls.read_text() == f"account get-access-token --output json --resource {ENDPOINT} {expected}\n"


@pytest.mark.parametrize(
    ("kind", "tenant", "variable", "count"),
    [("cli", "", "", 2), ("default", "", "", 2), ("cli", OTHER, "", 1), ("cli", "", OTHER, 1), ("managed", "", "", 1)],
)
def test_subscriptions_share_a_credential_unless_only_az_knows_their_tenants(
    monkeypatch: pytest.MonkeyPatch, kind: str, tenant: str, variable: str, count: int
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", variable)
    factory = CredentialFactory(kind, tenant=tenant)
    assert factory(ENDPOINT, SUBSCRIPTION.upper()) is factory(ENDPOINT, SUBSCRIPTION)
    assert len({factory(ENDPOINT, SUBSCRIPTION), factory(ENDPOINT, OTHER)}) == count


@POSIX
@pytest.mark.parametrize("kind", ["cli", "default"])
@pytest.mark.parametrize(
    ("output", "what", "hint"),
    [
        ("Please run 'az login' to setup account.", "is not signed in", AZ_LOGIN),
        ("User 'ada@example.com' does not exist in MSAL token cache. Run `az login`.", "is not signed in", AZ_LOGIN),
        (
            f"Subscription '{SUBSCRIPTION}' not found. Check the spelling and casing and try again.",
            "no access to this subscription",
            NO_SUBSCRIPTION,
        ),
        (
            f"The subscription of '{SUBSCRIPTION}' doesn't exist in cloud 'AzureCloud'.",
            "no access to this subscription",
            NO_SUBSCRIPTION,
        ),
        ("No subscriptions found for ada@example.com.", "no access to this subscription", NO_SUBSCRIPTION),
        ("AADSTS50076: use multi-factor authentication for ada@example.com", "(AADSTS50076)", IN_TENANT),
        (f'AADSTS50079: enroll. Run: az login --tenant "{OTHER}"', "(AADSTS50079)", IN_TENANT),
        (f"AADSTS50020: User account 'ada@example.com' is not in tenant '{OTHER}'", "does not exist in the", IN_TENANT),
        ("", "failed without a message", Hint(HintKind.RUN_COMMAND, "az account show")),
    ],
)
def test_failures_of_az_are_told_apart_without_showing_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, output: str, what: str, hint: Hint
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    _az(tmp_path, f"/bin/cat >&2 <<'E'\nERROR: {output}\nE\nexit 1" if output else "exit 1")
    error = _failure(kind)
    assert what in error.what
    assert error.hint == hint
    text = exception_chain_text(error)
    assert not any(secret in text for secret in ("ada@example.com", OTHER, SUBSCRIPTION))


@POSIX
def test_signed_in_without_default_subscription_is_not_reported_as_signed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    _az(tmp_path, "echo \"No subscription found. Run 'az account set' to select a subscription.\" >&2; exit 1")
    assert _failure().hint == NO_SUBSCRIPTION


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cli", "default"])
def test_slow_az_is_reported_with_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    _az(tmp_path, "exec sleep 30")
    error = _failure(kind, az_timeout=1.0)
    assert error.what == "no token: the Azure CLI (az) did not respond within 1 seconds"
    assert error.hint == MORE_TIME


def test_missing_az_is_reported_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _clear_environment(monkeypatch, tmp_path)
    assert _failure().hint == INSTALL_AZ


@POSIX
@pytest.mark.parametrize("output", ["AADSTS50076: x", "AADSTS700082: x", "Please run 'az login' to setup account."])
def test_configured_tenant_is_part_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    _clear_environment(monkeypatch, tmp_path)
    _az(tmp_path, f'echo "{output}" >&2; exit 1')
    assert _failure(tenant=OTHER).hint == Hint(HintKind.RUN_COMMAND, f"az login --tenant {OTHER}")


@pytest.mark.parametrize("tenant", ["`id`", "a b", "x", "contoso.example;rm", "--help", "a" * 300])
def test_invalid_tenant_variable_is_rejected_before_az_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tenant: str
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TENANT_ID", tenant)
    error = _failure()
    assert error.hint == Hint(HintKind.SET_VARIABLES, values=("AZURE_TENANT_ID",))
    assert tenant not in error.what


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("cli", IN_TENANT),
        ("powershell", Hint(HintKind.RUN_COMMAND, "Connect-AzAccount -Tenant TENANT")),
        ("developer", Hint(HintKind.RUN_COMMAND, "azd auth login --tenant-id TENANT")),
        ("device", Hint(HintKind.SIGN_IN, "browser")),
    ],
)
def test_second_factor_is_asked_for_by_the_tool_that_signs_in(kind: str, hint: Hint) -> None:
    assert sign_in_error(ValueError("AADSTS50076: x"), kind).hint == hint


@POSIX
@pytest.mark.asyncio
async def test_claims_challenge_with_az_raises_sign_in_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _clear_environment(monkeypatch, tmp_path)
    _az(tmp_path, f'echo \'{{"accessToken": "{jwt(upn="ada")}", "expires_on": {int(time.time()) + 3600}}}\'')
    with pytest.raises(SignInError, match="new sign-in"):
        await send_requests(_script(_claims_challenge()), CredentialFactory("cli")(ENDPOINT))


# ── claims challenge ────────────────────────────────────────────────────────────────────────────────────────────────

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'


def _claims_challenge(
    claims: str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzAwMDAwMDAwIn19fQ==",
) -> Any:
    challenge = f'Bearer authorization_uri="https://login.example/", error="insufficient_claims", claims="{claims}"'
    return make_response(b"", 401, {"www-authenticate": challenge})


@pytest.mark.asyncio
async def test_claims_challenge_is_answered_with_one_new_token(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_client_secret(monkeypatch)
    script = _script(_claims_challenge(), IMAGE_SUCCEEDED, make_response(b"", 401), IMAGE_SUCCEEDED)
    await send_requests(script, CredentialFactory("environment")(ENDPOINT), times=2)
    assert [request.given.get("claims") for request in entra.requests][:2] == [None, CLAIMS]
    assert script.requests[1].token == jwt(appid=CLIENT, n=2)
    assert all(request.given.get("claims") is None for request in entra.requests[2:])


# ── interactive sign-in ─────────────────────────────────────────────────────────────────────────────────────────────


def test_device_code_is_shown_once(entra: Entra) -> None:
    entra.claims, entra.pending = {"upn": "ada@example.com"}, 2
    shown: list[tuple[str, str, datetime]] = []
    prompt: Prompt = lambda *what: shown.append(what)  # noqa: E731
    credential = NamedCredential("device", ENDPOINT, prompt)
    assert credential.timeout == 900
    assert credential.get_token(SCOPE).token == jwt(upn="ada@example.com", n=3)
    assert [what[:2] for what in shown] == [("https://login.example/device", "BKTN7QZD")]
    assert (credential.timeout, entra.tokens) == (SIGN_IN_TIMEOUT, 3)
    credential.get_token(SCOPE)
    assert (len(shown), entra.tokens) == (1, 3), "the user is asked only once"


@pytest.mark.parametrize("kind", ["device", "browser"])
def test_interactive_credential_without_prompt_raises(entra: Entra, kind: str) -> None:
    with pytest.raises(SignInError) as caught:
        NamedCredential(kind, ENDPOINT).get_token(SCOPE)
    assert caught.value.hint == Hint(HintKind.SIGN_IN_INTERACTIVELY, kind)
    assert entra.tokens == 0


def test_expired_interactive_sign_in_raises_instead_of_prompting(entra: Entra) -> None:
    shown: list[object] = []
    credential = NamedCredential("device", ENDPOINT, lambda *what: shown.append(what))
    credential.get_token(SCOPE)
    entra.fault = lambda _: (400, {"error": "invalid_grant", "error_description": "AADSTS700082: expired"})
    with pytest.raises(SignInError, match=r"AADSTS700082|interactive") as caught:
        credential.get_token("https://other.example/.default")
    assert len(shown) == 1
    assert "planted" not in exception_chain_text(caught.value)


def test_canceled_sign_in_stops_polling(entra: Entra) -> None:
    factory = CredentialFactory("device", lambda *_: factory.cancel())
    with pytest.raises(SignInError, match="canceled"):
        factory(ENDPOINT).get_token(SCOPE)
    assert entra.tokens == 0


def test_expired_device_code_raises_sign_in_failed(entra: Entra) -> None:
    entra.fault = lambda _: (400, {"error": "expired_token", "error_description": "AADSTS70020: the code has expired"})
    credential = NamedCredential("device", ENDPOINT, lambda *_: None)
    with pytest.raises(SignInError, match="AADSTS70020"):
        credential.get_token(SCOPE)
    with pytest.raises(SignInError) as caught:
        credential.get_token(SCOPE)
    assert caught.value.hint == Hint(HintKind.SIGN_IN_INTERACTIVELY, "device")


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_wrong_secret_raises_without_showing_ids(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_client_secret(monkeypatch)
    description = f"AADSTS7000215: Invalid client secret provided for app '{CLIENT}' in tenant {TENANT}. Trace ID: x"
    entra.fault = lambda _: (401, {"error": "invalid_client", "error_description": description})
    with pytest.raises(SignInError, match="AADSTS7000215") as caught:
        NamedCredential("environment", ENDPOINT).get_token(SCOPE)
    assert caught.value.hint == Hint(HintKind.SET_VARIABLES, values=("AZURE_CLIENT_SECRET",))
    text = exception_chain_text(caught.value)
    assert not any(secret in text for secret in (SECRET, TENANT, CLIENT))


@pytest.mark.parametrize("kind", ["environment", "workload", "cli", "powershell", "developer"])
def test_credential_that_is_not_set_up_raises_with_two_lines(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    with pytest.raises(SignInError) as caught:
        NamedCredential(kind, ENDPOINT).get_token(SCOPE)
    assert len(caught.value.lines()) == 2
    assert all(len(line) < 200 for line in caught.value.lines())


def test_default_chain_without_setup_raises_with_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    with pytest.raises(SignInError, match="sign-in method") as caught:
        NamedCredential("default", ENDPOINT).get_token(SCOPE)
    assert len(caught.value.lines()) == 2
    assert caught.value.hint == Hint(HintKind.SIGN_IN, "device")


def test_unreachable_token_service_is_reported(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_client_secret(monkeypatch)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1")
    error = sign_in_error(ServiceRequestError(f"no connection to https://127.0.0.1:1/{TENANT}"), "environment")
    assert error.hint == Hint(HintKind.CHECK_NETWORK)
    assert TENANT not in str(error)


class ServiceRequestError(Exception):
    """Has the name of azure-core's error, which is raised only after a minute of retries."""


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["default", "managed"])
async def test_unresponsive_metadata_service_times_out(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the timeout, azure-identity would wait for minutes."""
    _clear_environment(monkeypatch, tmp_path)
    with black_hole() as address:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address)
        script = _script()
        credential = ShortTimeoutCredential(kind)
        with pytest.raises(SignInError, match="within 0 seconds") as caught:
            await send_requests(script, credential)
    assert script.requests == []
    assert caught.value.hint == Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli",))


class ShortTimeoutCredential(NamedCredential):
    """A credential with a short timeout, so that the test is fast."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind, ENDPOINT)

    @property
    def timeout(self) -> float:
        return 0.3


@pytest.mark.parametrize("kind", CREDENTIAL_TYPES)
def test_non_interactive_sign_in_times_out_within_twenty_seconds(kind: str) -> None:
    assert NamedCredential(kind, ENDPOINT).timeout <= 20


# ── names and clouds ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "hint"), [("clii", "cli"), ("Device", "device"), ("azd", "choose one of"), ("", "")])
def test_unknown_credential_type_suggests_the_closest(name: str, hint: str) -> None:
    assert hint in credential_type_problem(name)
    assert all(credential_type_problem(kind) == "" for kind in CREDENTIAL_TYPES)


def test_each_cloud_has_its_own_sign_in_host() -> None:
    assert authority(ENDPOINT, {}) == "login.microsoftonline.com"
    assert authority("https://management.usgovcloudapi.net", {}) == "login.microsoftonline.us"
    assert authority("https://management.chinacloudapi.cn", {}) == "login.chinacloudapi.cn"
    assert authority(ENDPOINT, {"AZURE_AUTHORITY_HOST": "https://own.example"}) == "https://own.example"


def test_loopback_gets_the_emulator_credential_whatever_is_chosen() -> None:
    assert isinstance(CredentialFactory("cli")("http://127.0.0.1:1"), EmulatorCredential)


def test_factory_returns_one_credential_per_endpoint() -> None:
    factory = CredentialFactory("cli")
    assert factory(ENDPOINT) is factory(ENDPOINT)
    assert factory(ENDPOINT) is not factory("https://management.usgovcloudapi.net")
    assert "cli" in repr(factory(ENDPOINT))


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio
async def test_logs_contain_no_token_secret_or_tenant(
    entra: Entra, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("azure", "msal", "urllib3"):  # otherwise nothing is logged
        caplog.set_level(logging.DEBUG, logger=name)
    _set_client_secret(monkeypatch)
    await send_requests(_script(), CredentialFactory("default")(ENDPOINT))
    device = NamedCredential("device", ENDPOINT, lambda *_: None)
    device.get_token(SCOPE)
    description = f"AADSTS7000215: Invalid client secret in tenant {TENANT}"
    entra.fault = lambda _: (401, {"error": "invalid_client", "error_description": description})
    with pytest.raises(SignInError):
        await send_requests(_script(), CredentialFactory("environment")(ENDPOINT))
    logged = caplog.text + "".join(f"{record.msg!r} {record.args!r} {vars(record)!r}" for record in caplog.records)
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert {"azure", "msal", "urllib3"} <= names, "the libraries do log"
    assert "Traceback" in logged, "tracebacks are logged as well"
    for secret in (SECRET, TENANT, "planted-refresh-token", "planted-device-code", jwt(appid=CLIENT, n=1)[:40]):
        assert secret not in logged


@POSIX
@pytest.mark.parametrize("logger", ["", "azure", "azure.identity"])
@pytest.mark.parametrize("kind", ["cli", "default"])
def test_failure_is_logged_only_if_the_user_configured_the_logger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, logger: str
) -> None:
    _clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    _az(tmp_path, "echo \"Please run 'az login' to setup account.\" >&2; exit 1")
    caplog.set_level(logging.DEBUG, logger=logger or None)
    assert _failure(kind).hint == AZ_LOGIN
    logged = [record.name for record in caplog.records if record.name.startswith(("azure", "msal"))]
    assert bool(logged) == bool(logger)


@POSIX
def test_other_calls_of_the_library_are_logged_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from azure.identity import AzureCliCredential, CredentialUnavailableError

    _clear_environment(monkeypatch, tmp_path)
    _failure()
    caplog.clear()
    with pytest.raises(CredentialUnavailableError):
        AzureCliCredential().get_token(SCOPE)
    assert "get_token failed" in caplog.text
