"""Request handlers of the clusters: which are listed, how others are found, and what their queries run on."""

from __future__ import annotations

from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from tornado import web

from kusto_magic.server.base_handler import BaseHandler
from kusto_magic.server.serializers import cluster_json, found_cluster_json, subscription_json


class ClustersHandler(BaseHandler):
    """The known clusters."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the clusters: the configured one, the emulator's, the added ones, then those of the history."""
        clusters = await self.watcher.clusters()
        self.finish({"clusters": [cluster_json(cluster) for cluster in clusters]})


class ClusterHandler(BaseHandler):
    """One cluster in the list."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str) -> None:
        """Keep a cluster in the list, which the server has issued the ID of."""
        self.finish(cluster_json(await self.watcher.add_cluster(cluster)))

    @web.authenticated
    @authorized
    async def delete(self, cluster: str) -> None:
        """Remove the cluster from the list; nothing changes in Azure."""
        await self.watcher.remove_cluster(cluster)
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


class SubscriptionsHandler(BaseHandler):
    """The subscriptions of the signed-in identity."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the subscriptions, read from Azure."""
        found = await self.watcher.finder.subscriptions()
        self.finish({"subscriptions": [subscription_json(subscription) for subscription in found]})


class SubscriptionClustersHandler(BaseHandler):
    """The clusters of one subscription."""

    @web.authenticated
    @authorized
    async def get(self, subscription: str) -> None:
        """Return the clusters, read from Azure."""
        found = await self.watcher.finder.clusters(subscription)
        self.finish({"clusters": [found_cluster_json(cluster) for cluster in found]})


class EmulatorHandler(BaseHandler):
    """The emulator on the machine of the server."""

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Start the emulator unless it runs, and return its first cluster."""
        self.finish(cluster_json(await self.watcher.use_emulator()))


class ActiveHandler(BaseHandler):
    """The image that queries use; it is part of the response of /clusters/{cluster}/images."""

    @web.authenticated
    @authorized
    async def put(self, cluster: str) -> None:
        """Start enabling a managed or custom image and return the operation."""
        self.accept(await self.watcher.enable(cluster, self.document(("image",)).get("image", "")))

    @web.authenticated
    @authorized
    async def delete(self, cluster: str) -> None:
        """Start disabling the Python plugin and return the operation."""
        self.accept(await self.watcher.disable(cluster))
