"""The clusters, as the plain reads of Microsoft.Kusto/clusters show them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json
from kusto_magic.emulator.cluster_state import CHANGE_EXTENSIONS, ClusterState
from kusto_magic.emulator.config import EmulatedCluster
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import CLUSTER, GROUP, SUBSCRIPTION, ArmRoute, ClusterRoute

SKU = {"name": "Standard_E8as_v5+1TB_PS", "tier": "Standard", "capacity": 2}
STATE = "Running"


class Clusters:
    """The handlers of the clusters."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> list[ArmRoute]:
        """Return the routes of get and of both lists."""
        config = self._fleet.config
        return [
            ClusterRoute(CLUSTER, {"GET": self._get}, self._fleet),
            ArmRoute(GROUP + "/clusters", {"GET": self._list}, config),
            ArmRoute(SUBSCRIPTION + "/clusters", {"GET": self._list}, config),
        ]

    async def _get(self, _request: Request, _version: str, engine: ClusterState) -> Response:
        return Json(_body(engine), headers={"ETag": f'"{engine.config.instance}"'})

    async def _list(self, _request: Request, _version: str) -> Response:
        await self._fleet.apply_due(CHANGE_EXTENSIONS)  # of what goes on, a list shows changes of extensions only
        return Json({"value": [_body(engine) for engine in self._fleet.states()]})


def uris(cluster: EmulatedCluster) -> dict[str, str]:
    """Return where queries and data of a cluster would go: its properties `uri` and `dataIngestionUri`."""
    host = f"{cluster.name}.{cluster.location}.kusto.windows.net"
    return {"uri": f"https://{host}", "dataIngestionUri": f"https://ingest-{host}"}


def _body(engine: ClusterState) -> dict[str, Any]:
    cluster = engine.cluster
    return {
        "id": cluster.id,
        "name": cluster.name,
        "type": "Microsoft.Kusto/Clusters",
        "location": cluster.region,
        "tags": dict(cluster.tags),
        "sku": SKU,
        "properties": {
            "state": STATE,
            # That it is "Running" while its extensions change is the emulator's own choice out of the enum.
            "provisioningState": "Running" if engine.is_changing_extensions() else "Succeeded",
            **uris(cluster),
            "languageExtensions": {"value": engine.store.extensions()},
        },
    }
