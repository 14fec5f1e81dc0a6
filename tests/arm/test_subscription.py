"""The client of a subscription: its clusters and the permissions on them; `test_resource_graph` has the queries."""

from __future__ import annotations

import pytest
from support.arm_responses import CLUSTER_PATH, ENDPOINT, TARGET, error_response, make_response
from support.scripted_transport import ScriptedTransport, open_subscription

from kusto_magic.errors import ForbiddenError, InvalidInputError, UnreachableError
from kusto_magic.models.permission import Permission
from kusto_magic.models.subscription import ListedSubscription
from kusto_magic.models.target import Subscription

CLUSTER = {"id": TARGET.cluster_id, "properties": {}}


@pytest.mark.asyncio
async def test_list_clusters_returns_the_list_or_raises_unreachable() -> None:
    script = ScriptedTransport(make_response({"value": [CLUSTER]}), make_response({"value": [5]}), make_response({}))
    async with open_subscription(script) as client:
        assert [found.name for found in await client.list_clusters()] == [TARGET.cluster]
        for _ in range(2):
            with pytest.raises(UnreachableError, match="cannot be read"):
                await client.list_clusters()


@pytest.mark.asyncio
async def test_list_clusters_without_a_subscription_raises_invalid_input_and_sends_nothing() -> None:
    script = ScriptedTransport()
    async with open_subscription(script, "") as client:
        with pytest.raises(InvalidInputError, match="subscription: not set"):
            await client.list_clusters()
    assert not script.requests


@pytest.mark.asyncio
async def test_list_subscriptions_follows_the_pages_and_sorts_by_name() -> None:
    first = {"value": [{"subscriptionId": "b", "displayName": "Zoo", "state": "Enabled"}], "nextLink": "/next?x=1"}
    second = {"value": [{"subscriptionId": "a", "displayName": " ", "state": 5}]}
    script = ScriptedTransport(make_response(first), make_response(second))
    async with open_subscription(script, "") as client:
        found = await client.list_subscriptions()
    assert found == [ListedSubscription("a", "a"), ListedSubscription("b", "Zoo", "Enabled")]
    assert script.request_lines == [
        f"GET {ENDPOINT}/subscriptions?api-version=2022-12-01",
        f"GET {ENDPOINT}/next?x=1",
    ]


@pytest.mark.parametrize("document", [{"value": 5}, {"value": [{"displayName": "x"}]}])
@pytest.mark.asyncio
async def test_unreadable_list_of_subscriptions_raises_unreachable(document: object) -> None:
    async with open_subscription(ScriptedTransport(make_response(document)), "") as client:
        with pytest.raises(UnreachableError, match="cannot be read"):
            await client.list_subscriptions()


@pytest.mark.asyncio
async def test_list_permissions_returns_roles_or_raises() -> None:
    roles = {"value": [{"actions": ["*/read"], "notActions": ["x"], "dataActions": []}]}
    script = ScriptedTransport(
        make_response(roles), error_response(403, "AuthorizationFailed", "no"), make_response({"value": [5]})
    )
    async with open_subscription(script) as client:
        assert await client.list_permissions(TARGET) == [Permission(("*/read",), ("x",))]
        with pytest.raises(ForbiddenError):
            await client.list_permissions(TARGET)
        with pytest.raises(UnreachableError):
            await client.list_permissions(TARGET)
    path = f"{CLUSTER_PATH}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    assert script.request_lines[0] == f"GET {ENDPOINT}{path}"


def test_subscription_of_a_target_has_its_endpoint_and_scope() -> None:
    subscription = Subscription.of(TARGET)
    assert (subscription.id, subscription.endpoint, subscription.scope) == (
        TARGET.subscription,
        TARGET.endpoint,
        TARGET.scope,
    )


@pytest.mark.parametrize(("id_", "endpoint"), [("no guid", ENDPOINT), ("", "http://example.com")])
def test_invalid_subscription_or_endpoint_raises_invalid_input(id_: str, endpoint: str) -> None:
    with pytest.raises(InvalidInputError):
        Subscription(id_, endpoint)
