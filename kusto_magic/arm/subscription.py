"""Client for a subscription: its clusters, the permissions on them, and queries of Azure Resource Graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kusto_magic.arm import resource_graph
from kusto_magic.arm.base_client import ArmClient
from kusto_magic.arm.credentials import Credential, CredentialFactory
from kusto_magic.arm.paging import PageLimit
from kusto_magic.arm.requests import require_ok
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import InvalidInputError, Problem, UnreachableError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.permission import Permission
from kusto_magic.models.subscription import ListedSubscription
from kusto_magic.models.target import Subscription, Target

if TYPE_CHECKING:
    import httpx

PERMISSIONS_API_VERSION = "2022-04-01"
"""api-version of Microsoft.Authorization/permissions."""


SUBSCRIPTIONS_API_VERSION = "2022-12-01"
"""api-version of Microsoft.Resources/subscriptions."""


class SubscriptionClient(ArmClient):
    """The clusters of a subscription, or of all subscriptions. Use it as an async context manager.

    `credential` and `transport` are as for `ImagesClient`. Raises UnreachableError if a configured proxy cannot be
    used.
    """

    def __init__(
        self,
        subscription: Subscription,
        credential: Credential | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        credential = credential or CredentialFactory()(subscription.endpoint, subscription.id)
        super().__init__(
            ArmTransport(subscription.endpoint, subscription.scope, credential=credential, transport=transport)
        )
        self.subscription = subscription

    @classmethod
    def from_connection(cls, connection: ArmTransport, subscription: Subscription) -> SubscriptionClient:
        """Return a client that shares a connection: its sign-in, rate limits and sockets."""
        client = cls.__new__(cls)
        ArmClient.__init__(client, connection)
        client.subscription = subscription
        return client

    async def list_subscriptions(self) -> Sequence[ListedSubscription]:
        """Return the subscriptions that the caller may read, sorted by name.

        Raises ServiceError and UnreachableError. Source: Microsoft.Resources/subscriptions, "List".
        """
        url: str | None = f"{self.subscription.endpoint}/subscriptions?api-version={SUBSCRIPTIONS_API_VERSION}"
        limit = PageLimit("the list of subscriptions")
        found: list[ListedSubscription] = []
        while url is not None:
            limit.add_link(url)
            response = require_ok(await self._requests.request("GET", url), "the subscriptions cannot be listed")
            limit.add_page(len(response.body))
            document = response.document()
            try:
                found += [ListedSubscription.from_json(value) for value in document["value"]]
            except (KeyError, TypeError, ValueError):
                raise UnreachableError("the list of subscriptions cannot be read", hint=Hint(HintKind.RETRY)) from None
            url = response.resolve_url(document.get("nextLink"))
        return sorted(found, key=lambda listed: listed.name.casefold())

    async def list_clusters(self) -> Sequence[Cluster]:
        """Return the clusters of the subscription that the caller may read.

        Raises InvalidInputError without a subscription, ServiceError and UnreachableError. Source:
        Microsoft.Kusto/clusters, "List"; its response has one page.
        """
        if not self.subscription.id:
            raise InvalidInputError([Problem("subscription", "not set")], hint=Hint(HintKind.CHOOSE_SUBSCRIPTION))
        path = f"/subscriptions/{quote(self.subscription.id)}/providers/Microsoft.Kusto/clusters"
        document = await self._request("GET", f"{path}?api-version={API_VERSION}", "the clusters cannot be listed")
        try:
            return [Cluster.from_json(value) for value in document["value"]]
        except (KeyError, TypeError, ValueError):
            raise UnreachableError("the list of clusters cannot be read", hint=Hint(HintKind.RETRY)) from None

    async def find_clusters(self, query: str) -> Sequence[Target]:
        """Return the clusters that a query of Azure Resource Graph finds, in the subscription or in all of them.

        `query` is a condition (`where location == 'eastus'`) or a full query (`resources | …`). Raises
        InvalidInputError if it is not a query or finds no cluster, ServiceError if Resource Graph refuses it,
        UnreachableError if its response is malformed or does not end.
        """
        text = resource_graph.build_query(query)
        found: list[Target] = []
        token, limit = "", PageLimit("the response of Azure Resource Graph")
        while True:
            body = resource_graph.request_body(text, self.subscription.id, token)
            path = f"{resource_graph.PATH}?api-version={resource_graph.API_VERSION}"
            document = await self._request("POST", path, "Azure Resource Graph refused the query", body, limit)
            page, token = resource_graph.parse_page(document, self.subscription)
            limit.add_link(token)
            found += page
            if not token or len(found) > resource_graph.MAX_CLUSTERS:  # `deduplicate` reports too many clusters
                return resource_graph.deduplicate(found)

    async def list_permissions(self, target: Target) -> Sequence[Permission]:
        """Return the caller's permissions on a cluster of this endpoint.

        Raises ServiceError and UnreachableError. Source: Microsoft.Authorization/permissions, "List For Resource".
        """
        path = f"{quote(target.cluster_id, safe='/')}/providers/Microsoft.Authorization/permissions"
        url = f"{path}?api-version={PERMISSIONS_API_VERSION}"
        document = await self._request("GET", url, "the permissions cannot be listed")
        try:
            return [Permission.from_json(value) for value in document["value"]]
        except (KeyError, TypeError, ValueError):
            raise UnreachableError("the list of permissions cannot be read", hint=Hint(HintKind.RETRY)) from None

    async def _request(
        self, method: str, path: str, what: str, body: bytes | None = None, limit: PageLimit | None = None
    ) -> Any:
        """Return the JSON of the response, or None if it has no body; `what` describes a refusal (ServiceError).

        `path` includes the api-version. `limit` counts the size of the response as a page of a list.
        """
        response = await self._requests.request(method, f"{self.subscription.endpoint}{path}", body)
        if limit is not None:
            limit.add_page(len(response.body))
        return require_ok(response, what).document()
