"""Requests about a subscription and the caller's permissions, rather than about the images of one cluster."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import Unreachable
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.cluster import Cluster
from kusto_magic.models.permission import Permission

PERMISSIONS_API_VERSION = "2022-04-01"
"""api-version of Microsoft.Authorization/permissions."""


async def list_clusters(client: ImagesClient) -> Sequence[Cluster]:
    """Return the clusters of the target's subscription that the caller may read.

    Raises ServiceError and Unreachable. Source: Microsoft.Kusto/clusters, "List"; its response has one page.
    """
    path = f"/subscriptions/{quote(client.target.subscription)}/providers/Microsoft.Kusto/clusters"
    document = await client.request_json("GET", f"{path}?api-version={API_VERSION}", "the clusters cannot be listed")
    try:
        return [Cluster.from_json(value) for value in document["value"]]
    except (KeyError, TypeError, ValueError):
        raise Unreachable("the list of clusters cannot be read", hint=Hint(HintKind.RETRY)) from None


async def list_permissions(client: ImagesClient) -> Sequence[Permission]:
    """Return the caller's permissions on the target's cluster.

    Raises ServiceError and Unreachable. Source: Microsoft.Authorization/permissions, "List For Resource".
    """
    path = f"{quote(client.target.cluster_id, safe='/')}/providers/Microsoft.Authorization/permissions"
    url = f"{path}?api-version={PERMISSIONS_API_VERSION}"
    document = await client.request_json("GET", url, "the permissions cannot be listed")
    try:
        return [Permission.from_json(value) for value in document["value"]]
    except (KeyError, TypeError, ValueError):
        raise Unreachable("the list of permissions cannot be read", hint=Hint(HintKind.RETRY)) from None
