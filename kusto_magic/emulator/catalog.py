"""The read-only lists: subscriptions, SKUs, operations of the provider, and the endpoints of a cluster.

The form of the lists of SKUs and endpoints was observed (2024-11-27).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json, api_version
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.config import REGIONS
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import CLUSTER, LOCATION, SUBSCRIPTION, AnyCaseRoute, ArmRoute, ClusterRoute

SKUS = (
    ("Dev(No SLA)_Standard_E2a_v4", "Basic"),
    ("Standard_E2ads_v5", "Standard"),
    ("Standard_E8as_v5+1TB_PS", "Standard"),
    ("Standard_E16ads_v5", "Standard"),
    ("Standard_L8s_v3", "Standard"),
)
"""SKUs and their tiers. This selection and that of the endpoints are the emulator's own choice."""

RESOURCES = {
    "Clusters": ("read", "write", "delete", "ListLanguageExtensions/action", "AddLanguageExtensions/action",
                 "RemoveLanguageExtensions/action", "CheckNameAvailability/action"),
    "Clusters/SandboxCustomImages": ("read", "write", "delete"),
    "Clusters/SKUs": ("read",),
    "Locations/OperationResults": ("read",),
    "SKUs": ("read",),
}  # fmt: skip
"""Documented actions of the provider by resource."""

SUBSCRIPTION_VERSIONS = ("2020-01-01", "2021-01-01", "2022-12-01")
"""api-versions of Microsoft.Resources/subscriptions. This selection is the emulator's own choice."""

ENDPOINTS = {
    "AzureActiveDirectory": ("Azure Active Directory", "login.microsoftonline.com"),
    "AzureMonitor": ("Azure Monitor", "gcs.prod.monitoring.core.windows.net"),
}


class Catalog:
    """The request handlers of the lists."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> list[AnyCaseRoute]:
        """Return the routes of all lists."""
        config = self._fleet.config
        endpoints = {"GET": self._endpoints}
        return [
            AnyCaseRoute("/subscriptions", self._subscriptions, ["GET"]),
            AnyCaseRoute("/providers/Microsoft.Kusto/operations", self._operations, ["GET"]),
            ArmRoute(SUBSCRIPTION + "/skus", {"GET": self._skus}, config),
            ArmRoute(LOCATION + "/skus", {"GET": self._skus}, config),
            ClusterRoute(CLUSTER + "/skus", {"GET": self._skus_of_cluster}, self._fleet),
            ClusterRoute(CLUSTER + "/outboundNetworkDependenciesEndpoints", endpoints, self._fleet),
        ]

    async def _subscriptions(self, request: Request) -> Response:
        api_version(request, SUBSCRIPTION_VERSIONS, "Microsoft.Resources")
        id_ = self._fleet.config.subscription
        listed = {"id": f"/subscriptions/{id_}", "subscriptionId": id_, "displayName": "Emulator", "state": "Enabled"}
        return Json({"value": [listed]})

    async def _operations(self, request: Request) -> Response:
        api_version(request)
        return Json({"value": [_operation(*pair) for pair in _pairs()]})

    async def _skus(self, request: Request, _version: str) -> Response:
        wanted = request.path_params.get("location", "").replace(" ", "").lower()
        places = [region.replace(" ", "").lower() for region in REGIONS]
        chosen = [place for place in places if wanted in ("", place)]
        return Json({"value": [_sku(name, tier, place) for name, tier in SKUS for place in chosen]})

    async def _skus_of_cluster(self, _request: Request, _version: str, _state: ClusterState) -> Response:
        # SPEC: the SKUs that the cluster can be changed to.
        capacity = {"scaleType": "automatic", "minimum": 2, "maximum": 1000, "default": 2}
        fixed = {"scaleType": "none", "minimum": 1, "maximum": 1, "default": 1}
        return Json(
            {
                "value": [
                    {
                        "resourceType": "Microsoft.Kusto/clusters",
                        "sku": {"name": name, "tier": tier},
                        "capacity": capacity if tier == "Standard" else fixed,
                    }
                    for name, tier in SKUS
                ]
            }
        )

    async def _endpoints(self, _request: Request, _version: str, state: ClusterState) -> Response:
        return Json({"value": [_endpoint(state, key, *entry) for key, entry in ENDPOINTS.items()]})


def _pairs() -> list[tuple[str, str]]:
    return [(resource, action) for resource, actions in RESOURCES.items() for action in actions]


def _operation(resource: str, action: str) -> dict[str, Any]:
    operation = action.removesuffix("/action")
    display = {
        "provider": "Microsoft Kusto",
        "resource": resource,
        "operation": operation,
        "description": f"{operation} of {resource}",
    }
    return {"name": f"Microsoft.Kusto/{resource}/{action}", "display": display, "origin": "user,system"}


def _sku(name: str, tier: str, place: str) -> dict[str, Any]:
    zones: list[str] = []
    return {
        "resourceType": "clusters",
        "name": name,
        "tier": tier,
        "locations": [place],
        "locationInfo": [{"location": place, "zones": zones, "zoneDetails": []}],
        "restrictions": [],
    }


def _endpoint(state: ClusterState, key: str, category: str, domain: str) -> dict[str, Any]:
    kind = "OutboundNetworkDependenciesEndpoints"
    endpoints = [{"domainName": domain, "endpointDetails": [{"port": 443}]}]
    return {
        "id": f"{state.cluster.id}/{kind}/{key}",
        "name": f"{state.cluster.name}/{key}",
        "type": f"Microsoft.Kusto/Clusters/{kind}",
        "location": state.cluster.region,
        "properties": {"category": category, "endpoints": endpoints, "provisioningState": "Succeeded"},
    }
