"""The operations of Microsoft.Kusto/clusters on the cluster itself.

How the service reports them was observed for GET, the lists, a PATCH without a change and the check of a name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import Json, bad_request, read_object
from kusto_magic.emulator.cluster_record import IDENTITY, PROPERTIES, SKU, ClusterRecord, check_sku
from kusto_magic.emulator.cluster_state import (
    BUILD,
    CREATE_CLUSTER,
    DELETE,
    DELETE_CLUSTER,
    START_CLUSTER,
    STOP_CLUSTER,
    UPDATE_CLUSTER,
    ClusterState,
)
from kusto_magic.emulator.extensions import extensions_of_cluster, read_extensions
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.operation_results import OperationResults
from kusto_magic.emulator.routing import CLUSTER, GROUP, LOCATION, SUBSCRIPTION, ArmRoute, ClusterRoute, find_cluster

TYPE = "Microsoft.Kusto/Clusters"
_NAME = re.compile(r"[a-z][a-z0-9]{3,21}")
"""DOCUMENTED: 4 to 22 lower-case letters and digits, the first a letter."""


class Clusters:
    """The request handlers of clusters."""

    def __init__(self, fleet: Fleet, polling: OperationResults) -> None:
        self._fleet = fleet
        self._polling = polling
        polling.add_result(UPDATE_CLUSTER, lambda state, _operation, _version: _body(state))

    def routes(self) -> list[ArmRoute]:
        """Return the routes of reading, changing, starting and stopping clusters."""
        config, fleet = self._fleet.config, self._fleet
        one = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        return [
            ArmRoute(CLUSTER, one, config),
            ClusterRoute(CLUSTER + "/start", {"POST": self._start}, fleet),
            ClusterRoute(CLUSTER + "/stop", {"POST": self._stop}, fleet),
            ArmRoute(GROUP + "/clusters", {"GET": self._list}, config),
            ArmRoute(SUBSCRIPTION + "/clusters", {"GET": self._list}, config),
            ArmRoute(LOCATION + "/checkNameAvailability", {"POST": self._check_name}, config),
        ]

    async def _get(self, request: Request, _version: str) -> Response:
        state = await self._existing(request)
        return Json(_body(state), headers={"ETag": state.record.etag})

    async def _list(self, _request: Request, _version: str) -> Response:
        await self._fleet.apply_due(but={BUILD, DELETE})  # changes of images are not visible in a list of clusters
        return Json({"value": [_body(state) for state in self._fleet.states()]})

    async def _put(self, request: Request, version: str) -> Response:
        body = await read_object(request)
        check_sku(body.get("sku"))
        location = body.get("location")
        if not isinstance(location, str) or not location:
            raise bad_request("The property 'location' is required and must be a string.")
        state = self._fleet.state(request.path_params["cluster"])
        if state is None:
            return self._create(request, version, location, body)
        await state.apply_due()
        record = replace(state.record, properties={}, tags={}, identity=None).merged(body)
        # Reported by users: a PUT without the language extensions disables them.
        return self._started(request, version, state, 200, UPDATE_CLUSTER, record, read_extensions(state, body) or [])

    def _create(self, request: Request, version: str, location: str, body: dict[str, Any]) -> Response:
        name = request.path_params["cluster"]
        if not _NAME.fullmatch(name):
            raise bad_request(f"The cluster name '{name}' is invalid: use 4 to 22 lower-case letters and digits.")
        state = self._fleet.new(name, location)
        record, extensions = state.record.merged(body), read_extensions(state, body) or []
        state.record = record
        self._fleet.add(state)
        return self._started(request, version, state, 201, CREATE_CLUSTER, record, extensions)

    async def _patch(self, request: Request, version: str) -> Response:
        state = await self._existing(request)
        body = await read_object(request)
        record, extensions = state.record.merged(body), read_extensions(state, body)
        record = replace(record, sku={**_sku(state), **(record.sku or {})})
        check_sku(record.sku)
        if _is_same(state, record) and extensions in (None, state.store.extensions()):
            # OBSERVED: a PATCH that changes nothing has no operation.
            return Json(_body(state), headers={"ETag": state.record.etag})
        return self._started(request, version, state, 202, UPDATE_CLUSTER, record, extensions)

    def _started(
        self,
        request: Request,
        version: str,
        state: ClusterState,
        status: int,
        kind: str,
        record: ClusterRecord,
        extensions: Any,
    ) -> Response:
        # The responses to changes of a cluster are the emulator's own choice, modeled on those of images.
        operation = state.change_cluster(kind, record, extensions=extensions)
        headers = self._polling.headers(request, version, operation, location=status == 202)
        return Json(_body(state), status, headers)

    async def _delete(self, request: Request, version: str) -> Response:
        state = self._fleet.state(request.path_params["cluster"])
        if state is None:
            return Response(status_code=204)  # SPEC
        await state.apply_due()
        return self._accepted(request, version, state, DELETE_CLUSTER, replace(state.record, is_deleted=True))

    async def _start(self, request: Request, version: str, state: ClusterState) -> Response:
        return self._accepted(request, version, state, START_CLUSTER, replace(state.record, state="Running"))

    async def _stop(self, request: Request, version: str, state: ClusterState) -> Response:
        return self._accepted(request, version, state, STOP_CLUSTER, replace(state.record, state="Stopped"))

    def _accepted(
        self, request: Request, version: str, state: ClusterState, kind: str, record: ClusterRecord
    ) -> Response:
        operation = state.change_cluster(kind, record)
        return Response(status_code=202, headers=self._polling.headers(request, version, operation, location=True))

    async def _check_name(self, request: Request, _version: str) -> Response:
        body = await read_object(request)
        name, kind = body.get("name"), body.get("type")
        if not isinstance(name, str) or not name or str(kind).casefold() != TYPE.casefold():
            raise bad_request(f"The properties 'name' and 'type' ('{TYPE}') are required.")
        taken = self._fleet.state(name) is not None
        # OBSERVED (2024-12-01)
        message = f"Name '{name}' with type Engine is already taken. Please specify a different name" if taken else ""
        return Json({"name": name, "nameAvailable": not taken, "message": message})

    async def _existing(self, request: Request) -> ClusterState:
        state = find_cluster(request, self._fleet)
        await state.apply_due()
        return state


def uris(state: ClusterState) -> dict[str, str]:
    """Return the properties `uri` and `dataIngestionUri` of a cluster.

    The emulator's own choice: `uri` is below the emulator's origin, since a cluster has no host name of its own. It
    has two path segments because Microsoft's client takes a single one for the name of a database.
    """
    cluster = state.cluster
    host = f"{cluster.name}.{cluster.location}.kusto.windows.net"
    return {
        "uri": f"{state.config.endpoint}/clusters/{cluster.name}",
        "dataIngestionUri": f"https://ingest-{host}",
    }


def graph_row(state: ClusterState) -> dict[str, Any]:
    """Return what Resource Graph shows of a cluster. The selection of properties is the emulator's own choice."""
    properties = {"state": state.record.state, **uris(state)}
    return {"sku": _sku(state), "tags": _tags(state), "properties": properties}


def _sku(state: ClusterState) -> dict[str, Any]:
    return dict(state.record.sku or SKU)


def _tags(state: ClusterState) -> dict[str, str]:
    return dict(state.cluster.tags if state.record.tags is None else state.record.tags)


def _is_same(state: ClusterState, record: ClusterRecord) -> bool:
    """Return whether a record shows the same as the stored one."""
    shown = {**PROPERTIES, **state.record.properties}
    return (
        (record.sku or SKU) == _sku(state)
        and record.tags in (None, _tags(state))
        and (record.identity or IDENTITY) == (state.record.identity or IDENTITY)
        and {**PROPERTIES, **record.properties} == shown
    )


def _body(state: ClusterState) -> dict[str, Any]:
    """Return a cluster as in GET and the lists; keys and their order are OBSERVED (2024-11-27)."""
    cluster, record = state.cluster, state.record
    shown, provisioning = state.shown_states()
    return {
        "id": cluster.id,
        "name": cluster.name,
        "type": TYPE,
        "etag": record.etag,
        "location": cluster.region,
        "sku": _sku(state),
        "tags": _tags(state),
        "properties": {
            **PROPERTIES,
            **record.properties,
            "state": shown,
            "provisioningState": provisioning,
            **uris(state),
            "languageExtensions": {"value": extensions_of_cluster(state)},
        },
        "identity": dict(record.identity or IDENTITY),
    }
