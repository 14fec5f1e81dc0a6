"""`%kusto_image use --as`: what is asked of whom, what is shown, and what of it stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.answers import SUBSCRIPTION, TARGET, answer
from support.entra import CLIENT, SECRET, TENANT, Entra, jwt, token_service
from support.home import Home
from support.panel import RecordingShell
from support.wire import Credential, ScriptedTransport

from kusto_magic.arm.client import ImagesClient, connect
from kusto_magic.arm.credentials import TokenCredential
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.commands import arguments
from kusto_magic.commands.cluster import use
from kusto_magic.commands.session import TARGET_SETTINGS, Session
from kusto_magic.commands.sign_in import device_code_bundle, sign_in
from kusto_magic.errors import InvalidInput, SignInFailed
from kusto_magic.models.target import Target

LINE = f"use --subscription {SUBSCRIPTION} --resource-group group --cluster mycluster"


class Desk:
    """A notebook's session on a service that is never asked more than to list its images."""

    def __init__(self, folder: Path, *, person: bool) -> None:
        self.script = ScriptedTransport(forever=answer({"value": []}))
        self.shell = RecordingShell(person=person)
        names = (*TARGET_SETTINGS, "wait", "credential")
        self.magics = SimpleNamespace(**dict.fromkeys(names, ""), timeout_hours=0.0)
        self.builds = BuildManager(history=History(folder / "history.sqlite"), open_client=self._open)
        self.session = Session(self.shell, self.magics, self.builds)

    def _open(
        self, target: Target, credential: TokenCredential | None = None
    ) -> AbstractAsyncContextManager[ImagesClient]:
        return connect(target, credential=credential or Credential(), transport=self.script)

    def use(self, more: str = "") -> None:
        use(self.session, arguments.parse(arguments.line_parser(), f"{LINE} {more}"))

    def ask(self) -> None:
        _, target = self.session.resolve_target(SimpleNamespace())  # type: ignore[arg-type]
        self.builds.ask(target, lambda client: client.list())

    @property
    def shown(self) -> list[str]:
        return [data["text/plain"] for data, _ in self.shell.shown]


@pytest.fixture
def entra(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    with token_service(home.path) as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def desk(home: Home) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def _make(*, person: bool = True) -> Desk:
        made.append(Desk(home.path, person=person))
        return made[-1]

    yield _make
    for it in made:
        it.builds.close()


def test_the_code_is_shown_and_then_whom_it_was(entra: Entra, desk: Callable[..., Desk]) -> None:
    entra.claims, entra.pending = {"upn": "ada@example.com"}, 1
    here = desk()
    here.use("--as device")
    assert [bool(re.search("BKTN7QZD", text)) for text in here.shown] == [False, True, False, False]
    assert [update for _, update in here.shell.shown] == [False, True, True, False], "one output, changed in place"
    assert here.shown[2] == "Signed in as ada@example.com."
    assert here.shown[3].endswith("Signed in as ada@example.com.")
    asked = entra.tokens
    here.ask()
    assert here.script.asked[-1].token == jwt(upn="ada@example.com", n=asked)
    assert entra.tokens == asked, "it is not asked again"
    here.use()
    assert here.shown[-1].endswith("Signed in as ada@example.com."), "the way to sign in stays"


def test_whose_and_which_subscription_without_the_tenant(entra: Entra, desk: Callable[..., Desk]) -> None:
    here = desk()
    here.use()
    place = f"resource group group of subscription {SUBSCRIPTION[:8]}…, at https://management.azure.com."
    assert here.shown == [f"Using cluster mycluster in {place}"]
    assert entra.tokens == 0, "choosing a cluster asks nobody"


@pytest.mark.parametrize("kind", ["device", "browser"])
def test_where_nobody_is_there_nobody_is_asked(entra: Entra, desk: Callable[..., Desk], kind: str) -> None:
    here = desk(person=False)
    with pytest.raises(SignInFailed, match="nobody is before this notebook") as caught:
        here.use(f"--as {kind}")
    assert len(caught.value.lines()) == 2
    assert (here.shown, entra.tokens, here.magics.cluster) == ([], 0, "")


def test_a_person_in_the_settings_is_not_asked_by_a_request(
    entra: Entra, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUSTO_MAGIC_CREDENTIAL", "device")
    here = desk()
    here.use()
    with pytest.raises(SignInFailed, match="somebody has to sign in") as caught:
        here.ask()
    assert "%kusto_image use --as device" in caught.value.next_step
    assert (here.script.asked, entra.tokens) == ([], 0)


def test_the_setting_is_the_way_to_sign_in(
    entra: Entra, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)
    monkeypatch.setenv("KUSTO_MAGIC_CREDENTIAL", "environment")
    here = desk(person=False)
    here.use()
    here.ask()
    here.ask()
    assert {asked.token for asked in here.script.asked} == {jwt(appid=CLIENT, n=1)}
    here.use("--as environment")
    assert here.shown[-1].endswith("Signed in as application aaaaaaaa….")
    assert entra.tokens == 2
    assert not any(secret in "".join(here.shown) for secret in (TENANT, SECRET, CLIENT))


def test_the_way_to_sign_in_can_be_kept(
    entra: Entra, home: Home, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"AZURE_{name}", value)
    desk().use("--as environment --save")
    kept = (home.path / "kusto-magic" / "config.toml").read_text(encoding="utf-8")
    assert 'credential = "environment"' in kept
    assert not any(secret in kept for secret in (TENANT, SECRET, CLIENT))
    later = desk()
    later.ask()
    assert later.script.asked[0].token == jwt(appid=CLIENT, n=2)


def test_an_interrupt_ends_the_asking_and_says_so(entra: Entra, desk: Callable[..., Desk]) -> None:
    here = desk()

    class Interrupted:
        def sign_in(self, _way: object) -> None:
            pass

        def ask(self, *_: object) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sign_in(Session(here.shell, here.magics, Interrupted()), "device", TARGET)  # type: ignore[arg-type]
    assert here.shown[-1] == "The sign-in did not come to an end."


def test_a_failed_sign_in_is_two_lines_and_changes_nothing(
    home: Home, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home.path))
    here = desk()
    with pytest.raises(SignInFailed, match="az is not to be found") as caught:
        here.use("--as cli")
    assert len(caught.value.lines()) == 2
    assert (here.magics.cluster, here.magics.credential) == ("", "")


def test_a_failed_code_leaves_no_code_behind(entra: Entra, desk: Callable[..., Desk]) -> None:
    entra.fault = lambda _: (400, {"error": "expired_token", "error_description": "AADSTS70020: expired"})
    here = desk()
    with pytest.raises(SignInFailed):
        here.use("--as device")
    assert "BKTN7QZD" in here.shown[1]
    assert here.shown[-1] == "Not signed in."


def test_a_wrong_name_names_the_closest_and_asks_nobody(entra: Entra, desk: Callable[..., Desk]) -> None:
    here = desk()
    with pytest.raises(InvalidInput, match="did you mean device"):
        here.use("--as devise")
    assert (here.shown, entra.tokens) == ([], 0)


@pytest.mark.parametrize("payload", ["<img src=x onerror=alert(1)>", "https://x/<script>", "a\u202eb", "x" * 10_000])
def test_what_the_token_service_says_becomes_no_markup_and_no_link(payload: str) -> None:
    shown: dict[str, Any] = device_code_bundle(payload, payload, datetime(2026, 11, 23, tzinfo=UTC))
    tags = set(re.findall(r"<\s*/?\s*(\w+)", shown["text/html"]))
    assert tags == {"p", "code", "pre"}
    assert "\u202e" not in shown["text/html"] + shown["text/plain"]
    assert len(shown["text/html"]) < 2000
