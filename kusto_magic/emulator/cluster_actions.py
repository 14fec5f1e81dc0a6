"""The actions of a cluster besides its own life cycle: callout policies, followers, migration, network diagnosis.

Only the bodies of callout policies in the cluster were observed; the rest is SPEC or the emulator's own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json, bad_request, read_object
from kusto_magic.emulator.cluster_record import ClusterRecord
from kusto_magic.emulator.cluster_state import (
    CHANGE_EXTENSIONS,
    DETACH_DATABASES,
    DIAGNOSE_NETWORK,
    MIGRATE_CLUSTER,
    ClusterState,
)
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.operation_results import OperationResults
from kusto_magic.emulator.routing import CLUSTER, ClusterRoute

CALLOUT_TYPES = (
    "kusto", "sql", "cosmosdb", "external_data", "azure_digital_twins", "sandbox_artifacts", "webapi", "mysql",
    "postgresql", "genevametrics", "azure_openai",
)  # fmt: skip
"""SPEC's enum of callout types; a cluster's body has their positions (OBSERVED for 0, 1, 2, 5, 8 and 9)."""

ACCESS = ("Allow", "Deny")


class ClusterActions:
    """The request handlers of the actions."""

    def __init__(self, fleet: Fleet, polling: OperationResults) -> None:
        self._fleet = fleet
        self._polling = polling
        polling.add_result(DIAGNOSE_NETWORK, lambda _state, _operation, _version: {"findings": []})

    def routes(self) -> list[ClusterRoute]:
        """Return the routes of all actions."""
        posts = {
            "migrate": self._migrate,
            "detachFollowerDatabases": self._detach,
            "diagnoseVirtualNetwork": self._diagnose,
            "listCalloutPolicies": self._list_policies,
            "addCalloutPolicies": self._add_policies,
            "removeCalloutPolicy": self._remove_policy,
        }
        followers = {"POST": self._list_followers, "GET": self._list_followers}  # GET since 2024-04-13
        return [
            *(ClusterRoute(f"{CLUSTER}/{action}", {"POST": handler}, self._fleet) for action, handler in posts.items()),
            ClusterRoute(CLUSTER + "/listFollowerDatabases", followers, self._fleet),
        ]

    async def _list_followers(self, _request: Request, _version: str, _state: ClusterState) -> Response:
        return Json({"value": []})  # the emulator has no databases

    async def _migrate(self, request: Request, version: str, state: ClusterState) -> Response:
        """Start a migration, which changes nothing: there is no data (the emulator's own choice)."""
        target = _text(await read_object(request), "clusterResourceId")
        other = self._fleet.state(target.rpartition("/")[2])
        if other is None or other is state or other.cluster.id.casefold() != target.casefold():
            raise bad_request(f"The cluster '{target}' is not another cluster of the kusto_magic emulator.")
        return self._accepted(request, version, state, MIGRATE_CLUSTER)

    async def _detach(self, request: Request, version: str, state: ClusterState) -> Response:
        """Detach a database; it ends at once, since none is attached (the emulator's own choice)."""
        body = await read_object(request)
        _text(body, "clusterResourceId"), _text(body, "attachedDatabaseConfigurationName")
        return self._accepted(request, version, state, DETACH_DATABASES, takes_time=False)

    async def _diagnose(self, request: Request, version: str, state: ClusterState) -> Response:
        return self._accepted(request, version, state, DIAGNOSE_NETWORK, takes_time=False)

    async def _list_policies(self, _request: Request, _version: str, state: ClusterState) -> Response:
        return Json({"value": [_shown(policy) for policy in _policies(state)]})

    async def _add_policies(self, request: Request, version: str, state: ClusterState) -> Response:
        given = (await read_object(request)).get("value")
        if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
            raise bad_request("The property 'value' is required and must be a list of callout policies.")
        policies = {policy["calloutId"]: policy for policy in (*_policies(state), *map(_read_policy, given))}
        return self._accepted(request, version, state, CHANGE_EXTENSIONS, _with_policies(state, [*policies.values()]))

    async def _remove_policy(self, request: Request, version: str, state: ClusterState) -> Response:
        removed = _text(await read_object(request), "calloutId")
        policies = [policy for policy in _policies(state) if policy["calloutId"] != removed]
        return self._accepted(request, version, state, CHANGE_EXTENSIONS, _with_policies(state, policies))

    def _accepted(
        self,
        request: Request,
        version: str,
        state: ClusterState,
        kind: str,
        record: ClusterRecord | None = None,
        *,
        takes_time: bool = True,
    ) -> Response:
        operation = state.change_cluster(kind, record, takes_time=takes_time)
        return Response(status_code=202, headers=self._polling.headers(request, version, operation, location=True))


def _policies(state: ClusterState) -> list[dict[str, Any]]:
    """Return the callout policies as in the cluster's body."""
    return list(state.record.properties.get("calloutPolicies") or ())


def _with_policies(state: ClusterState, policies: list[dict[str, Any]]) -> ClusterRecord:
    return replace(state.record, properties={**state.record.properties, "calloutPolicies": policies})


def _read_policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy in the form of a cluster's body. Raises ArmError 400."""
    pattern, kind, access = (_text(given, key) for key in ("calloutUriRegex", "calloutType", "outboundAccess"))
    if kind not in CALLOUT_TYPES or access not in ACCESS:
        raise bad_request(f"The callout type '{kind}' or the access '{access}' is not supported.")
    numbers = {"calloutType": CALLOUT_TYPES.index(kind), "outboundAccess": ACCESS.index(access)}
    return {"calloutUriRegex": pattern, **numbers, "calloutId": f"{pattern}_{kind}"}


def _shown(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy as in a list: with the names of the enums (SPEC)."""
    names = {"calloutType": CALLOUT_TYPES[policy["calloutType"]], "outboundAccess": ACCESS[policy["outboundAccess"]]}
    return {**policy, **names}


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise bad_request(f"The property '{key}' is required and must be a string.")
    return value
