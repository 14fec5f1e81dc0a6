"""The one cluster, as the plain reads of Microsoft.Kusto/clusters show it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json
from kusto_magic.emulator.engine import Engine
from kusto_magic.emulator.routing import CLUSTER, GROUP, SUBSCRIPTION, ArmRoute


class Clusters:
    """The handlers of the cluster."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[ArmRoute]:
        """Return the routes of get and of both lists."""
        return [
            ArmRoute(CLUSTER, {"GET": self._get}, self._engine),
            ArmRoute(GROUP + "/clusters", {"GET": self._list}, self._engine),
            ArmRoute(SUBSCRIPTION + "/clusters", {"GET": self._list}, self._engine),
        ]

    async def _get(self, _request: Request, _version: str) -> Response:
        return Json(self._body(), headers={"ETag": f'"{self._engine.config.instance}"'})

    async def _list(self, _request: Request, _version: str) -> Response:
        return Json({"value": [self._body()]})

    def _body(self) -> dict[str, Any]:
        config = self._engine.config
        host = f"{config.cluster}.{config.region.replace(' ', '').lower()}.kusto.windows.net"
        return {
            "id": config.cluster_id,
            "name": config.cluster,
            "type": "Microsoft.Kusto/Clusters",
            "location": config.region,
            "sku": {"name": "Standard_E8as_v5+1TB_PS", "tier": "Standard", "capacity": 2},
            "properties": {
                "state": "Running",
                # That it is "Running" while its extensions change is the emulator's own choice out of the enum.
                "provisioningState": "Running" if self._engine.is_altering() else "Succeeded",
                "uri": f"https://{host}",
                "dataIngestionUri": f"https://ingest-{host}",
                "languageExtensions": {"value": self._engine.store.extensions()},
            },
        }
