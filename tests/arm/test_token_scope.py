"""The scope of every token: that of the target, whichever credential, entry point or response asks for it."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.arm_responses import ENDPOINT, IMAGE_SUCCEEDED, SPEC, SUBSCRIPTION, TARGET, make_response
from support.clock import MovableClock
from support.requests import build_request
from support.scripted_transport import CountingCredential, ScriptedTransport, Token, open_client, open_connection

from kusto_magic.arm.credentials import Credential, CredentialFactory
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.builds.history import History
from kusto_magic.builds.manager import BuildManager
from kusto_magic.commands.session import TARGET_SETTINGS
from kusto_magic.magics.notebook_session import NotebookSession
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.target import Subscription, Target
from kusto_magic.server.build_watcher import BuildWatcher
from kusto_magic.server.clusters import with_id

EMPTY_LIST = make_response({"value": []})
SCOPED = replace(TARGET, scope="api://resource-manager-of-a-closed-cloud/.default")
CLAIMS = {"access_token": {"nbf": {"essential": True, "value": "1604106651"}}}
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.evil.example/other-tenant/oauth2/authorize", '
    'resource="https://evil.example", scope="https://evil.example/.default", tenant_id="other-tenant", '
    f'error="insufficient_claims", claims="{base64.b64encode(json.dumps(CLAIMS).encode()).decode()}"'
)
"""A challenge that names another scope, resource and tenant, and demands claims."""


class InfoCredential:
    """A credential with `get_token_info` only, as azure-core's SupportsTokenInfo; it stores the arguments."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def get_token_info(self, *scopes: str, options: dict[str, Any] | None = None) -> Token:
        self.asked.append((scopes, dict(options or {})))
        return Token(f"info-token-{len(self.asked)}", int(MovableClock().wall().timestamp() + 3600))


class StrictCredential(CountingCredential):
    """A credential that stores all its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.options: list[dict[str, Any]] = []

    def get_token(self, *scopes: str, **options: Any) -> Token:
        self.options.append(options)
        return super().get_token(*scopes)


class Process:
    """A build manager whose clients use one script and one credential."""

    def __init__(self, folder: Path) -> None:
        self.script = ScriptedTransport(default=EMPTY_LIST)
        self.credential = CountingCredential(self.script.clock)
        self.opened: list[str | None] = []
        self.builds = BuildManager(history=History(folder / "history.sqlite"), connect=self.connect)

    def connect(self, endpoint: str, scope: str, credential: Credential | None = None) -> ArmTransport:
        self.opened.append(None if credential is None else type(credential).__name__)
        return open_connection(self.script, endpoint, scope, self.credential)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.builds.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "target", [TARGET, SCOPED, *(replace(TARGET, endpoint=cloud.endpoint, scope="") for cloud in CLOUDS.values())]
)
async def test_client_requests_a_token_for_the_scope_of_the_target_only(target: Target) -> None:
    script = ScriptedTransport(default=EMPTY_LIST)
    credential = CountingCredential(script.clock)
    async with open_client(script, credential, target) as client:
        await client.list()
        script.clock.move(7200)
        await client.list()
    assert credential.scopes == [(target.scope,)] * 2


@pytest.mark.asyncio
async def test_credential_with_get_token_info_only_is_used_with_the_scope_of_the_target() -> None:
    script = ScriptedTransport(make_response(b"", 401, {"www-authenticate": CHALLENGE}), IMAGE_SUCCEEDED)
    credential = InfoCredential()
    async with open_client(script, credential, SCOPED) as client:
        await client.get("img")
    assert [request.token for request in script.requests] == ["info-token-1", "info-token-2"]
    assert credential.asked == [((SCOPED.scope,), {}), ((SCOPED.scope,), {"claims": json.dumps(CLAIMS)})]


@pytest.mark.asyncio
async def test_challenge_changes_neither_scope_nor_tenant() -> None:
    script = ScriptedTransport(make_response(b"", 401, {"www-authenticate": CHALLENGE}), IMAGE_SUCCEEDED)
    credential = StrictCredential()
    async with open_client(script, credential) as client:
        await client.get("img")
    assert credential.scopes == [(TARGET.scope,)] * 2
    assert credential.options == [{}, {"claims": json.dumps(CLAIMS)}]


def test_build_manager_requests_a_token_for_the_scope_of_each_target(process: Process) -> None:
    for target in (TARGET, SCOPED, replace(SCOPED, cluster="other"), TARGET):
        process.builds.ask(target, lambda client: client.list())
    assert process.credential.scopes == [(TARGET.scope,), (SCOPED.scope,)]
    tokens = [request.token for request in process.script.requests]
    assert tokens == ["token-1", "token-2", "token-2", "token-1"]


def test_clients_of_clusters_and_subscriptions_share_a_connection_per_endpoint_and_scope(process: Process) -> None:
    process.builds.ask(TARGET, lambda client: client.list())
    process.builds.ask_subscription(Subscription.of(TARGET), SubscriptionClient.list_clusters)
    process.builds.ask_subscription(Subscription.of(SCOPED), SubscriptionClient.list_clusters)
    process.builds.ask_subscription(Subscription("", SCOPED.endpoint, SCOPED.scope), SubscriptionClient.sign_in)
    assert process.credential.scopes == [(TARGET.scope,), (SCOPED.scope,)]


def test_sign_in_opens_new_connections_for_clusters_and_subscriptions(process: Process) -> None:
    process.builds.ask(TARGET, lambda client: client.list())
    process.builds.sign_in(CredentialFactory())
    assert not process.builds.has_client(TARGET)
    for _ in range(2):
        process.builds.ask_subscription(Subscription.of(TARGET), SubscriptionClient.list_clusters)
    process.builds.ask(TARGET, lambda client: client.list())
    assert process.opened == [None, "NamedCredential"]


def test_build_requests_a_token_for_the_scope_of_the_target(process: Process) -> None:
    process.script.default = IMAGE_SUCCEEDED
    process.builds.start(build_request(SCOPED, "img", SPEC, check=False)).result(30)
    assert set(process.credential.scopes) == {(SCOPED.scope,)}


def test_magics_session_requests_a_token_for_the_scope_of_its_cloud(process: Process) -> None:
    settings = dict.fromkeys((*TARGET_SETTINGS, "wait", "credential"), "")
    settings |= {"subscription": SUBSCRIPTION, "resource_group": "rg", "cluster": "mycluster", "cloud": "usgov"}
    session = NotebookSession(
        SimpleNamespace(), SimpleNamespace(**settings, timeout_hours=0.0, az_timeout=0.0), process.builds
    )
    _, target = session.resolve_target(Namespace())
    session.builds.ask(target, lambda client: client.list())
    assert process.credential.scopes == [(CLOUDS["usgov"].scope,)]


@pytest.mark.asyncio
async def test_server_requests_a_token_for_the_scope_of_the_cluster(process: Process) -> None:
    watcher = BuildWatcher(process.builds, sources=[lambda: SCOPED], clock=process.script.clock)
    await watcher.images(with_id(SCOPED).id)
    assert set(process.credential.scopes) == {(SCOPED.scope,)}


@pytest.mark.parametrize("endpoint", [ENDPOINT, "https://arm.corp.example"])
def test_target_scope_is_the_endpoint_unless_configured(endpoint: str) -> None:
    assert Target(SUBSCRIPTION, "rg", "mycluster", endpoint).scope == f"{endpoint}/.default"
