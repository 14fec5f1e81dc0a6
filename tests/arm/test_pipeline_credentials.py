"""Sign-in of pipelines, against loopback: the pipeline's own service and Entra ID's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.entra import CLIENT, TENANT, Entra, jwt, metadata_service, token_service

from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind

ENDPOINT = "https://management.azure.com"
SCOPE = f"{ENDPOINT}/.default"
CONNECTION = "99999999-8888-7777-6666-555555555555"


@pytest.fixture
def pipeline() -> Iterator[Entra]:
    """The service of the pipeline that issues an identity for the job."""
    with metadata_service() as service:
        yield service


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    for name in [*os.environ]:
        if name.startswith(("AZURE", "ACTIONS_", "SYSTEM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with token_service(tmp_path) as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


def _in_github(monkeypatch: pytest.MonkeyPatch, pipeline: Entra) -> None:
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{pipeline.endpoint}/assertion?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted-request-token")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)


@pytest.mark.slow
def test_github_job_exchanges_a_new_assertion_for_each_token(
    entra: Entra, pipeline: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_github(monkeypatch, pipeline)
    entra.life = 0  # expired at once: the next request needs another token
    credential = CredentialFactory("github")(ENDPOINT)
    tokens = [credential.get_token(SCOPE).token for _ in range(2)]
    assert tokens == [jwt(appid=CLIENT, n=1), jwt(appid=CLIENT, n=2)]
    assert [asked.given["client_assertion"] for asked in entra.requests] == [
        "planted.assertion.1",
        "planted.assertion.2",
    ]
    [first, _] = pipeline.assertions
    assert first.given == {"api-version": "2.0", "audience": "api://AzureADTokenExchange"}
    assert first.headers["Authorization"] == "Bearer planted-request-token"


def test_azure_pipelines_job_exchanges_the_identity_of_its_service_connection(
    entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", f"{entra.endpoint}/assertion")
    monkeypatch.setenv("SYSTEM_ACCESSTOKEN", "planted-access-token")
    for name, value in {"TENANT": TENANT, "CLIENT": CLIENT, "SERVICE_CONNECTION": CONNECTION}.items():
        monkeypatch.setenv(f"AZURESUBSCRIPTION_{name}_ID", value)
    token = CredentialFactory("pipelines")(ENDPOINT).get_token(SCOPE)
    assert token.token == jwt(appid=CLIENT, n=1)
    assert entra.requests[0].given["client_assertion"] == "planted.assertion.1"
    assert entra.assertions[0].given["serviceConnectionId"] == CONNECTION


@pytest.mark.parametrize(
    ("kind", "present", "missing"),
    [
        ("github", {"AZURE_TENANT_ID": TENANT}, ("AZURE_CLIENT_ID",)),
        (
            "pipelines",
            {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT},
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "SYSTEM_ACCESSTOKEN"),
        ),
    ],
)
def test_missing_variables_are_named(
    entra: Entra,
    pipeline: Entra,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    present: dict[str, str],
    missing: tuple[str, ...],
) -> None:
    if kind == "github":
        _in_github(monkeypatch, pipeline)
        monkeypatch.delenv("AZURE_CLIENT_ID")
    for name, value in present.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SignInError) as caught:
        CredentialFactory(kind)(ENDPOINT).get_token(SCOPE)
    assert caught.value.hint == Hint(HintKind.SET_VARIABLES, values=missing)
    assert entra.tokens == 0


def test_github_sign_in_elsewhere_names_the_permission(entra: Entra) -> None:
    with pytest.raises(SignInError, match="id-token: write"):
        CredentialFactory("github")(ENDPOINT).get_token(SCOPE)


@pytest.mark.slow
def test_refused_assertion_is_reported_without_the_token(
    entra: Entra, pipeline: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_github(monkeypatch, pipeline)
    pipeline.assertion_status = 403
    with pytest.raises(SignInError) as caught:
        CredentialFactory("github")(ENDPOINT).get_token(SCOPE)
    text = "\n".join(caught.value.lines())
    assert "GitHub returned no identity" in text
    assert not any(hidden in text for hidden in ("planted", TENANT, urlsplit(pipeline.endpoint).netloc))


def test_request_token_is_not_sent_over_plain_http(
    entra: Entra, pipeline: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_github(monkeypatch, pipeline)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://runner.example/assertion")
    with pytest.raises(SignInError, match="not an https address"):
        CredentialFactory("github")(ENDPOINT).get_token(SCOPE)
