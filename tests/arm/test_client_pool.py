"""The pool of open clients: which clusters share a connection and a credential."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.arm_responses import TARGET

from kusto_magic.arm.client_pool import ClientPool
from kusto_magic.arm.credentials import Credential, CredentialFactory
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.models.target import Subscription

OTHER = "22222222-2222-3333-4444-555555555555"


class Connections:
    """Opens connections and records the credential of each."""

    def __init__(self) -> None:
        self.credentials: list[Credential | None] = []

    def __call__(self, endpoint: str, scope: str, credential: Credential | None = None) -> ArmTransport:
        self.credentials.append(credential)
        return ArmTransport(endpoint, scope, credential=credential)


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "tenant", "count"), [("cli", "", 2), ("cli", OTHER, 1), ("managed", "", 1)])
async def test_fleet_has_one_credential_per_subscription_at_most(
    monkeypatch: pytest.MonkeyPatch, kind: str, tenant: str, count: int
) -> None:
    monkeypatch.delenv("AZURE_TENANT_ID", raising=False)
    connect = Connections()
    pool = ClientPool(connect)
    pool.sign_in(CredentialFactory(kind, tenant=tenant))
    clusters = [replace(TARGET, cluster=f"cluster{n}") for n in range(200)]
    try:
        for target in [*clusters, replace(TARGET, subscription=OTHER)]:
            await pool.get(target)
        await pool.get_subscription(Subscription.of(TARGET))
    finally:
        await pool.aclose()
    assert len(connect.credentials) == count
    assert len(set(connect.credentials)) == count
