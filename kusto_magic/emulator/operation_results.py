"""The HTTP representation of long-running operations: the poll URLs and the responses to polling."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import API_2023, ArmError, Json, timestamp
from kusto_magic.emulator.cluster_state import ClusterState
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import LOCATION, ArmRoute
from kusto_magic.emulator.store import OperationRow

_LOCATION = "&operationResultResponseType=Location"
_DOTNET_EPOCH = 621_355_968_000_000_000
"""Ticks from year 1 to 1970."""

_LOCATION_DELAY = 156_254
"""Ticks between the signatures of both URLs of an operation: the value of one recording."""


Result = Callable[[ClusterState, OperationRow, str], Any]
"""(state of the cluster, operation that has succeeded, api-version) → the JSON of its result."""


class OperationResults:
    """Creates and serves the poll URLs of operations."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._results: dict[str, Result] = {}
        # Stored, so that poll URLs survive a restart.
        self._key = fleet.store.get_or_set("signing key", secrets.token_hex(32)).encode()

    def routes(self) -> list[ArmRoute]:
        """Return the route of OperationsResults_Get and OperationsResultsLocation_Get."""
        path = LOCATION + "/operationResults/{operation}"
        return [ArmRoute(path, {"GET": self._get}, self._fleet.config)]

    def add_result(self, kind: str, result: Result) -> None:
        """Set the body of the Location URL after operations of this kind; without one it is empty."""
        self._results[kind] = result

    def headers(self, request: Request, version: str, operation: OperationRow, *, location: bool) -> dict[str, str]:
        """Return the headers of an accepted change; with `location`, also the Location header (PATCH, DELETE)."""
        headers = {"Azure-AsyncOperation": self._url(request, version, operation, "")}
        if location:
            headers["Location"] = self._url(request, version, operation, _LOCATION)
        return headers

    def _url(self, request: Request, version: str, operation: OperationRow, form: str) -> str:
        region = self._state(operation).cluster.region
        # OBSERVED: traffic of 2023 has a raw space, later traffic %20.
        region = region if version == API_2023 else region.replace(" ", "%20")
        provider = f"/subscriptions/{self._fleet.config.subscription}/providers/Microsoft.Kusto"
        path = f"{provider}/locations/{region}/operationResults/{operation.id}"
        signature = "".join(f"&{name}={value}" for name, value in self._signature(operation, form).items())
        # The origin that the caller used, since it must not send its token to another.
        return f"http://{request.headers['host']}{path}?api-version={version}{form}{signature}"

    def _signature(self, operation: OperationRow, form: str) -> dict[str, str]:
        """Return ARM's parameters t, c, s and h: opaque, of the observed length, and verified when polled.

        OBSERVED: both URLs of an operation have the same c, and each its own t, s and h.
        """
        ticks = str(operation.started + _DOTNET_EPOCH + (_LOCATION_DELAY if form else 0))
        return {
            "t": ticks,
            "c": self._opaque_value("certificate", 2400),
            "s": self._opaque_value(f"signature {operation.id} {ticks}", 256),
            "h": self._opaque_value(f"hash {operation.id} {ticks}", 32),
        }

    def _opaque_value(self, purpose: str, size: int) -> str:
        raw = hashlib.shake_256(self._key + purpose.encode()).digest(size)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    async def _get(self, request: Request, version: str) -> Response:
        operation = await self._settled(request.path_params["operation"], request.path_params["location"])
        by_location = request.query_params.get("operationResultResponseType", "").casefold() == "location"
        self._check_signature(request, self._signature(operation, _LOCATION if by_location else ""))
        if by_location:
            return self._by_location(request, version, operation)
        # OBSERVED: this header is sent at this URL only.
        return Json(self._status(operation), headers={"x-ms-operation-root-activity-id": operation.activity})

    async def _settled(self, operation_id: str, location: str) -> OperationRow:
        """Return the current operation. Raises ArmError 404 if it is unknown or belongs to another region."""
        found = self._fleet.store.operation(operation_id)
        state = None if found is None else self._fleet.state(found.cluster, deleted=True)
        if state is not None and location.replace(" ", "").casefold() == state.cluster.location:
            await state.apply_due()
            settled = self._fleet.store.operation(operation_id)  # read again, since `apply_due` may have ended it
            if settled is not None:
                return settled
        raise ArmError(404, "ResourceNotFound", f"The operation result '{operation_id}' is not found.")

    def _state(self, operation: OperationRow) -> ClusterState:
        state = self._fleet.state(operation.cluster, deleted=True)
        assert state is not None  # noqa: S101 - `_settled` has found it, or it has just started the operation
        return state

    def _check_signature(self, request: Request, expected: dict[str, str]) -> None:
        """Raise ArmError 403 for a modified poll URL; one without a signature is the documented API and is allowed."""
        given = {name: value for name, value in request.query_params.items() if name in expected}
        if given and not hmac.compare_digest(repr(sorted(given.items())), repr(sorted(expected.items()))):
            message = "The signature of the operation URL is not valid (message of the kusto_magic emulator)."
            raise ArmError(403, "AuthorizationFailed", message)

    def _by_location(self, request: Request, version: str, operation: OperationRow) -> Response:
        # 200 without a body when done is OBSERVED, 202 while running is SPEC. An error response for a failure follows
        # the Resource Provider Contract; what this service does is not known.
        if operation.status == "Running":
            headers = {"Location": self._url(request, version, operation, _LOCATION)}
            return Response(status_code=202, headers=headers)
        if operation.status == "Failed":
            status = 409 if operation.message.startswith("[Conflict]") else 400
            raise ArmError(status, operation.code, operation.message)
        if operation.kind in self._results:
            # What the service returns here after a PATCH is not known. SPEC: the resource, so that clients which follow
            # Location to the end have a result.
            return Json(self._results[operation.kind](self._state(operation), operation, version))
        return Response(status_code=200)

    def _status(self, operation: OperationRow) -> dict[str, Any]:
        running, region = operation.status == "Running", self._state(operation).cluster.region
        prefix = f"/subscriptions/{self._fleet.config.subscription}/providers/Microsoft.Kusto/locations/{region}"
        body: dict[str, Any] = {
            "id": f"{prefix}/operationresults/{operation.id}",
            "name": operation.id,
            "status": operation.status,
            "startTime": timestamp(operation.started),
            "endTime": timestamp(operation.started if running else operation.ends),
            "percentComplete": 0.5 if running else 1.0,
            "properties": _properties(operation),
        }
        if operation.status == "Failed":
            body["error"] = {"code": operation.code, "message": operation.message}
        return body


def _properties(operation: OperationRow) -> dict[str, str]:
    # All three OBSERVED; "Failed" once, in the operation of a language extension. SPEC's example of a failure differs:
    # operationState "BadInput" and no provisioningState.
    states = {"Running": "InProgress", "Succeeded": "Completed", "Failed": "Failed"}
    return {
        "operationKind": operation.kind,
        "provisioningState": operation.status,
        "operationState": states[operation.status],
    }
