"""Azure Resource Graph: one query over all clusters instead of one list request per subscription.

Response bodies, quota and errors follow the REST documentation and published responses. Whatever neither of them shows
is marked as the emulator's own choice. Unlike the real service, results never lag behind the clusters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import ArmError, Json, api_version, read_object, timestamp, to_ticks
from kusto_magic.emulator.cluster_state import BUILD, DELETE, ClusterState
from kusto_magic.emulator.clusters import graph_row
from kusto_magic.emulator.config import EmulatorConfig
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.graph_options import GraphRequest, OptionError, read
from kusto_magic.emulator.kql import Kind, KqlError, Query, Take, parse
from kusto_magic.emulator.kql_rows import Row, run
from kusto_magic.emulator.routing import AnyCaseRoute

NAMESPACE = "Microsoft.ResourceGraph"
API_VERSIONS = ("2021-03-01", "2022-10-01", "2024-04-01")

COLUMNS: Mapping[str, Kind] = {
    "id": "string",
    "name": "string",
    "type": "string",
    "location": "string",
    "resourceGroup": "string",
    "subscriptionId": "string",
    "sku": "bag",
    "tags": "bag",
    "properties": "bag",
}
"""The columns of `resources` that the emulator provides; the service has more."""

_INVALID = (
    "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before "
    "retrying."
)
_THROTTLED = (
    "Client application has been throttled and should not attempt to repeat the request until an amount of time has "
    "elapsed. Please see https://aka.ms/resourcegraph-throttling for help."
)
_DENIED = "Access is denied to the requested resource. The user might not have enough permission."


class Graph:
    """The request handler of Resources_Resources; it counts its 429 responses in `throttled["queries"]`."""

    def __init__(self, fleet: Fleet, clock: Callable[[], datetime], throttled: Counter[str]) -> None:
        self._fleet = fleet
        self._clock = clock
        self._throttled = throttled
        self._quota = Quota(fleet.config.graph_queries, fleet.config.graph_window)

    def routes(self) -> list[AnyCaseRoute]:
        """Return the routes of the query and of the list of operations."""
        return [
            AnyCaseRoute(f"/providers/{NAMESPACE}/resources", self._post, ["POST"]),
            AnyCaseRoute(f"/providers/{NAMESPACE}/operations", self._operations, ["GET"]),
        ]

    async def _operations(self, request: Request) -> Response:
        api_version(request, API_VERSIONS, NAMESPACE)
        display = {"provider": "Microsoft Resource Graph", "resource": "Resources", "operation": "Query resources"}
        return Json({"value": [{"name": f"{NAMESPACE}/resources/read", "display": display, "origin": "user,system"}]})

    async def _post(self, request: Request) -> Response:
        api_version(request, API_VERSIONS, NAMESPACE)
        allowed = self._quota.take(self._clock())
        headers = self._quota.headers(self._clock())
        if not allowed:
            self._throttled["queries"] += 1
            raise self._error(request, 429, "RateLimiting", headers, {"code": "RateLimiting", "message": _THROTTLED})
        await self._fleet.apply_due(but={BUILD, DELETE})
        try:
            return Json(self._result(read(await read_object(request)), request, headers), headers=headers)
        except OptionError as error:
            detail = {"code": "InvalidRequest", "message": f"{error}."}  # the code is the emulator's own choice
            raise self._error(request, 400, "BadRequest", headers, detail) from None
        except KqlError as error:
            invalid = {"code": "InvalidQuery", "message": _INVALID}
            raise self._error(request, 400, "BadRequest", headers, invalid, _failure(error)) from None

    def _result(self, options: GraphRequest, request: Request, headers: Mapping[str, str]) -> dict[str, Any]:
        config = self._fleet.config
        query = parse(options.query, COLUMNS)
        if options.subscriptions is not None and config.subscription.lower() not in options.subscriptions:
            raise self._error(request, 403, "AccessDenied", headers, {"code": "AccessDenied", "message": _DENIED})
        # DOCUMENTED: without `order by` the order is arbitrary. The emulator's own choice: that of the fleet.
        found = run(query, [_row(state, config) for state in self._fleet.states()])
        limited = any(isinstance(step, Take) for step in query.steps)
        skip = 0 if limited else options.skip  # DOCUMENTED: ignored together with a limit
        page = found[skip : skip + options.top]
        more = skip + len(page) < len(found)
        # DOCUMENTED: no paging with a limit or without a string column; the result is truncated without a token then.
        pages = not limited and "string" in query.columns.values()
        result = {
            "totalRecords": len(found),
            "count": len(page),
            "data": _table(query, page) if options.table else page,
            "facets": [_facet_error(expression) for expression in options.facets],
            "resultTruncated": "true" if more and not pages else "false",
        }
        return result | ({"$skipToken": options.token(skip + len(page))} if more and pages else {})

    def _error(
        self, request: Request, status: int, code: str, headers: Mapping[str, str], *details: Mapping[str, Any]
    ) -> ArmError:
        now = timestamp(to_ticks(self._clock()))
        message = (
            f"Please provide below info when asking for support: timestamp = {now}, "
            f"correlationId = {request.state.correlation}."
        )
        return ArmError(status, code, message, headers, details)


class Quota:
    """A number of queries per time window; the first query starts the window (the emulator's own choice)."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._window = size, timedelta(seconds=seconds)
        self._left, self._until = size, datetime.min.replace(tzinfo=UTC)

    def take(self, now: datetime) -> bool:
        """Count one query; return False if none is left in the current window."""
        if self._until <= now:
            self._left, self._until = self._size, now + self._window
        self._left -= 1
        return self._left >= 0

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the two documented quota headers; the documentation has no Retry-After."""
        # Rounded up: a client that waits this long must not be refused.
        seconds = max(0, math.ceil((self._until - now).total_seconds()))
        after = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return {"x-ms-user-quota-remaining": str(max(0, self._left)), "x-ms-user-quota-resets-after": after}


def _row(state: ClusterState, config: EmulatorConfig) -> Row:
    """Return a cluster as Resource Graph shows it: type, region and group in lower case."""
    cluster = state.cluster
    return {
        "id": cluster.id,
        "name": cluster.name,
        "type": "microsoft.kusto/clusters",
        "location": cluster.location,
        "resourceGroup": config.resource_group.lower(),
        "subscriptionId": config.subscription,
        **graph_row(state),
    }


def _table(query: Query, rows: Sequence[Row]) -> dict[str, Any]:
    kinds = {"string": "string", "bag": "object", "dynamic": "object"}
    columns = [{"name": name, "type": kinds[kind]} for name, kind in query.columns.items()]
    return {"columns": columns, "rows": [[row[name] for name in query.columns] for row in rows]}


def _facet_error(expression: str) -> dict[str, Any]:
    """Return the result of a facet that cannot be computed: in the documented form, with the emulator's own text."""
    message = "The kusto_magic emulator does not support facets (Azure Resource Graph does)."
    error = {"code": "FacetNotSupported", "message": message}
    return {"expression": expression, "resultType": "FacetError", "errors": [error]}


def _failure(error: KqlError) -> dict[str, Any]:
    """Return the error detail of a query that cannot be parsed: in the service's form, with the emulator's own text."""
    message = f"The kusto_magic emulator does not support {error} (Azure Resource Graph supports more of KQL)."
    at = error.token
    position = {"line": at.line, "characterPositionInLine": at.column, "token": at.text}
    return {"code": "ParserFailure", "message": message} | position
