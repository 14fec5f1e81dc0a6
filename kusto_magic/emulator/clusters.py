"""The read operations of Microsoft.Kusto/clusters."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json
from kusto_magic.emulator.cluster_state import CHANGE_EXTENSIONS, ClusterState
from kusto_magic.emulator.config import EmulatedCluster
from kusto_magic.emulator.extensions import extensions_of_cluster
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import CLUSTER, GROUP, SUBSCRIPTION, ArmRoute, ClusterRoute

# The SKU of a recorded cluster with custom images.
SKU = {"name": "Standard_E8as_v5+1TB_PS", "tier": "Standard", "capacity": 2}
STATE = "Running"


class Clusters:
    """The request handlers of clusters."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> list[ArmRoute]:
        """Return the routes of GET and of both list operations."""
        config = self._fleet.config
        return [
            ClusterRoute(CLUSTER, {"GET": self._get}, self._fleet),
            ArmRoute(GROUP + "/clusters", {"GET": self._list}, config),
            ArmRoute(SUBSCRIPTION + "/clusters", {"GET": self._list}, config),
        ]

    async def _get(self, _request: Request, _version: str, state: ClusterState) -> Response:
        return Json(_body(state), headers={"ETag": f'"{state.config.instance}"'})

    async def _list(self, _request: Request, _version: str) -> Response:
        await self._fleet.apply_due(CHANGE_EXTENSIONS)  # builds are not visible in a list of clusters
        return Json({"value": [_body(state) for state in self._fleet.states()]})


def uris(cluster: EmulatedCluster) -> dict[str, str]:
    """Return the properties `uri` and `dataIngestionUri` of a cluster."""
    host = f"{cluster.name}.{cluster.location}.kusto.windows.net"
    return {"uri": f"https://{host}", "dataIngestionUri": f"https://ingest-{host}"}


def _body(state: ClusterState) -> dict[str, Any]:
    cluster = state.cluster
    return {
        "id": cluster.id,
        "name": cluster.name,
        "type": "Microsoft.Kusto/Clusters",
        "location": cluster.region,
        "tags": dict(cluster.tags),
        "sku": SKU,
        "properties": {
            "state": STATE,
            # "Running" while the extensions change is the emulator's own choice out of the enum.
            "provisioningState": "Running" if state.is_changing_extensions() else "Succeeded",
            **uris(cluster),
            "languageExtensions": {"value": extensions_of_cluster(state)},
        },
    }
