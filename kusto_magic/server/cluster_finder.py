"""The subscriptions and clusters that the signed-in identity can access, for a user who adds a cluster to the list."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kusto_magic import settings
from kusto_magic.arm.subscription import SubscriptionClient
from kusto_magic.builds.manager import BuildManager
from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.subscription import ListedSubscription
from kusto_magic.models.target import Subscription, Target
from kusto_magic.server.clusters import KnownCluster, UnknownIdError


@dataclass(frozen=True, slots=True)
class FoundSubscription:
    """A subscription and its opaque ID."""

    id: str
    listed: ListedSubscription


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """A cluster of a subscription, with its state."""

    known: KnownCluster
    cluster: Cluster


def configured_endpoint() -> str:
    """Return the Resource Manager endpoint of the environment and config.toml. Raises InvalidInputError."""
    found = settings.resolve({}, {}, os.environ, settings.read_config(settings.config_file(os.environ)))
    return found.endpoint_url


class ClusterFinder:
    """Lists subscriptions and their clusters; `register` gives a cluster its ID, `endpoint` returns where to ask."""

    def __init__(
        self,
        builds: BuildManager,
        register: Callable[[Target], KnownCluster],
        endpoint: Callable[[], Awaitable[str]],
    ) -> None:
        self._builds = builds
        self._register = register
        self._endpoint = endpoint
        self._issued: dict[str, Subscription] = {}

    async def subscriptions(self) -> Sequence[FoundSubscription]:
        """Return the subscriptions of the signed-in identity. Raises as `list_subscriptions` and `resolve` do."""
        endpoint = await self._endpoint()
        listing = self._builds.submit_subscription(Subscription("", endpoint), SubscriptionClient.list_subscriptions)
        return [self._issue(endpoint, listed) for listed in await asyncio.wrap_future(listing)]

    async def clusters(self, subscription: str) -> Sequence[FoundCluster]:
        """Return the clusters of a subscription by its opaque ID. Raises UnknownIdError and as `list_clusters`."""
        if subscription not in self._issued:
            raise UnknownIdError("there is no subscription with this ID", hint=Hint(HintKind.RELOAD_PAGE))
        asked = self._issued[subscription]
        listing = self._builds.submit_subscription(asked, SubscriptionClient.list_clusters)
        found = []
        for cluster in await asyncio.wrap_future(listing):
            with suppress(InvalidInputError):  # an ID that this package cannot address
                target = Target(asked.id, cluster.resource_group, cluster.name, asked.endpoint)
                found.append(FoundCluster(self._register(target), cluster))
        return sorted(found, key=lambda it: it.cluster.name.casefold())

    def _issue(self, endpoint: str, listed: ListedSubscription) -> FoundSubscription:
        id_ = hashlib.sha256(f"{endpoint}{listed.id}".encode()).hexdigest()[:16]
        with suppress(InvalidInputError):  # not a subscription ID: its clusters cannot be listed
            self._issued[id_] = Subscription(listed.id, endpoint)
        return FoundSubscription(id_, listed)
