"""`%kusto_image use --as`: requests, prompts, output and saved settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from support.arm_responses import SUBSCRIPTION, TARGET
from support.entra import CLIENT, SECRET, TENANT, Entra, jwt, token_service
from support.home import Home
from support.sign_in_session import SignInSession

from kusto_magic.arm.credentials import CredentialFactory
from kusto_magic.commands import arguments
from kusto_magic.commands.cluster import use
from kusto_magic.commands.sign_in import device_code_bundle, sign_in
from kusto_magic.errors import InvalidInputError, SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.magics.notebook_session import NotebookSession
from kusto_magic.settings import Settings


@pytest.fixture
def entra(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    with token_service(home.path) as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def environment(home: Home) -> Iterator[Callable[..., SignInSession]]:
    made: list[SignInSession] = []

    def _make(*, interactive: bool = True) -> SignInSession:
        made.append(SignInSession(home.path, interactive=interactive))
        return made[-1]

    yield _make
    for notebook in made:
        notebook.builds.close()


def test_device_code_is_replaced_by_the_identity(entra: Entra, environment: Callable[..., SignInSession]) -> None:
    entra.claims, entra.pending = {"upn": "ada@example.com", "oid": CLIENT}, 1
    notebook = environment()
    notebook.use("--as device")
    assert [bool(re.search("BKTN7QZD", text)) for text in notebook.shown] == [False, True, False, False]
    assert [update for _, update in notebook.shell.shown] == [False, True, True, False], "one output, updated in place"
    assert notebook.shown[2] == "Signed in as user aaaaaaaa…."
    assert "Signed in as user aaaaaaaa…." in notebook.shown[3]
    asked = entra.tokens
    notebook.ask()
    assert notebook.script.requests[-1].token == jwt(upn="ada@example.com", oid=CLIENT, n=asked)
    assert entra.tokens == asked, "no second prompt"
    notebook.use()
    assert "Signed in as user aaaaaaaa…" in notebook.shown[-1], "the sign-in method is kept"
    assert "example.com" not in "".join(notebook.shown)


def test_use_reports_identity_and_subscription_but_not_the_tenant(
    entra: Entra, environment: Callable[..., SignInSession]
) -> None:
    notebook = environment()
    notebook.use()
    location = f"resource group group of subscription {SUBSCRIPTION[:8]}…, at https://management.azure.com."
    assert notebook.shown == [f"Using cluster mycluster in {location}"]
    assert entra.tokens == 0, "choosing a cluster requests no token"


@pytest.mark.parametrize("kind", ["device", "browser"])
def test_non_interactive_session_does_not_prompt_for_sign_in(
    entra: Entra, environment: Callable[..., SignInSession], kind: str
) -> None:
    notebook = environment(interactive=False)
    with pytest.raises(SignInError) as caught:
        notebook.use(f"--as {kind}")
    assert caught.value.hint == Hint(HintKind.CHOOSE_CREDENTIAL, values=("environment", "managed", "cli"))
    assert len(caught.value.lines()) == 2
    assert (notebook.shown, entra.tokens, notebook.magics.cluster) == ([], 0, "")


def test_request_does_not_prompt_with_interactive_credential_setting(
    entra: Entra, environment: Callable[..., SignInSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUSTO_MAGIC_CREDENTIAL", "device")
    notebook = environment()
    notebook.use()
    with pytest.raises(SignInError) as caught:
        notebook.ask()
    assert caught.value.hint == Hint(HintKind.SIGN_IN_INTERACTIVELY, "device")
    assert (notebook.script.requests, entra.tokens) == ([], 0)


@pytest.mark.slow
def test_credential_setting_selects_the_sign_in_method(
    entra: Entra, environment: Callable[..., SignInSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)
    monkeypatch.setenv("KUSTO_MAGIC_CREDENTIAL", "environment")
    notebook = environment(interactive=False)
    notebook.use()
    notebook.ask()
    notebook.ask()
    assert {asked.token for asked in notebook.script.requests} == {jwt(appid=CLIENT, n=1)}
    notebook.use("--as environment")
    assert "application aaaaaaaa…" in notebook.shown[-1]
    assert entra.tokens == 2
    assert not any(secret in "".join(notebook.shown) for secret in (TENANT, SECRET, CLIENT))


def test_use_save_stores_the_sign_in_method(
    entra: Entra, home: Home, environment: Callable[..., SignInSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)
    environment().use("--as environment --save")
    saved = (home.path / "kusto-magic" / "config.toml").read_text(encoding="utf-8")
    assert 'credential = "environment"' in saved
    assert not any(secret in saved for secret in (TENANT, SECRET, CLIENT))
    later = environment()
    later.ask()
    assert later.script.requests[0].token == jwt(appid=CLIENT, n=2)


def test_interrupt_stops_the_sign_in_with_a_message(entra: Entra, environment: Callable[..., SignInSession]) -> None:
    notebook = environment()

    factories: list[CredentialFactory] = []

    class Interrupted:
        def sign_in(self, factory: CredentialFactory) -> None:
            factories.append(factory)

        def ask(self, *_: object) -> str:
            raise KeyboardInterrupt

    session = NotebookSession(notebook.shell, notebook.magics, Interrupted())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        sign_in(session, Settings(credential="device").sign_in, TARGET)
    assert "interrupted" in notebook.shown[-1]
    with pytest.raises(SignInError, match="canceled"):  # as its thread does, which polls for the code
        factories[0](TARGET.endpoint).get_token(TARGET.scope)
    assert entra.tokens == 0


@pytest.mark.slow
def test_failed_sign_in_prints_two_lines_and_changes_nothing(
    home: Home, environment: Callable[..., SignInSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home.path))
    notebook = environment()
    with pytest.raises(SignInError) as caught:
        notebook.use("--as cli")
    device = Hint(HintKind.CHOOSE_CREDENTIAL, values=("device",))
    assert caught.value.hint == Hint(HintKind.INSTALL_TOOL, "az", ("az login",), then=device)
    assert len(caught.value.lines()) == 2
    assert (notebook.magics.cluster, notebook.magics.credential) == ("", "")


def test_failed_device_code_is_removed_from_the_output(entra: Entra, environment: Callable[..., SignInSession]) -> None:
    entra.fault = lambda _: (400, {"error": "expired_token", "error_description": "AADSTS70020: expired"})
    notebook = environment()
    with pytest.raises(SignInError):
        notebook.use("--as device")
    assert "BKTN7QZD" in notebook.shown[1]
    assert notebook.shown[-1] == "Not signed in."


def test_tenant_is_kept_until_another_subscription_is_chosen(environment: Callable[..., SignInSession]) -> None:
    notebook = environment()
    notebook.use(f"--tenant {TENANT}")
    line = arguments.parse(arguments.line_parser(), "use --cluster other")
    use(notebook.session, line)
    assert notebook.magics.tenant == TENANT
    notebook.use()
    assert notebook.magics.tenant == ""
    assert TENANT not in "".join(notebook.shown)


@pytest.mark.parametrize(
    ("option", "name"), [("tenant", "not a valid tenant"), ("az_timeout", "KUSTO_MAGIC_AZ_TIMEOUT")]
)
def test_invalid_sign_in_setting_changes_nothing(
    environment: Callable[..., SignInSession], monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    notebook = environment()
    if option == "az_timeout":
        monkeypatch.setenv(name, "soon")
    with pytest.raises(InvalidInputError, match=name):
        notebook.use("--tenant no-domain" if option == "tenant" else "")
    assert (notebook.magics.cluster, notebook.magics.tenant) == ("", "")


def test_unknown_sign_in_method_suggests_closest_without_prompting(
    entra: Entra, environment: Callable[..., SignInSession]
) -> None:
    notebook = environment()
    with pytest.raises(InvalidInputError, match=r"device\?"):
        notebook.use("--as devise")
    assert (notebook.shown, entra.tokens) == ([], 0)


@pytest.mark.parametrize("payload", ["<img src=x onerror=alert(1)>", "https://x/<script>", "a\u202eb", "x" * 10_000])
def test_token_service_text_is_escaped_and_not_a_link(payload: str) -> None:
    shown: dict[str, Any] = device_code_bundle(payload, payload, datetime(2026, 11, 23, tzinfo=UTC))
    tags = set(re.findall(r"<\s*/?\s*(\w+)", shown["text/html"]))
    assert tags == {"bdi", "p", "code", "pre"}
    assert "\u202e" not in shown["text/html"] + shown["text/plain"]
    assert len(shown["text/html"]) < 2000
