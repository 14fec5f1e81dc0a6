"""The HTTP representation of long-running operations: the poll URLs and the responses to polling."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kusto_magic.emulator.arm import API_2023, ArmError, Json, timestamp
from kusto_magic.emulator.config import EmulatedCluster
from kusto_magic.emulator.fleet import Fleet
from kusto_magic.emulator.routing import SUBSCRIPTION, ArmRoute
from kusto_magic.emulator.store import OperationRow

_LOCATION = "&operationResultResponseType=Location"
_DOTNET_EPOCH = 621_355_968_000_000_000
"""Ticks from year 1 to 1970."""


class OperationResults:
    """Creates and serves the poll URLs of operations."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        # Stored, so that poll URLs survive a restart.
        self._key = fleet.store.get_or_set("signing key", secrets.token_hex(32)).encode()

    def routes(self) -> list[ArmRoute]:
        """Return the route of OperationsResults_Get and OperationsResultsLocation_Get."""
        path = SUBSCRIPTION + "/locations/{location}/operationResults/{operation}"
        return [ArmRoute(path, {"GET": self._get}, self._fleet.config)]

    def headers(self, request: Request, version: str, operation: OperationRow, *, location: bool) -> dict[str, str]:
        """Return the headers of an accepted change; with `location`, also the Location header (PATCH, DELETE)."""
        headers = {"Azure-AsyncOperation": self._url(request, version, operation, "")}
        if location:
            headers["Location"] = self._url(request, version, operation, _LOCATION)
        return headers

    def _url(self, request: Request, version: str, operation: OperationRow, form: str) -> str:
        region = self._cluster(operation).region
        # OBSERVED: traffic of 2023 has a raw space, later traffic %20.
        region = region if version == API_2023 else region.replace(" ", "%20")
        provider = f"/subscriptions/{self._fleet.config.subscription}/providers/Microsoft.Kusto"
        path = f"{provider}/locations/{region}/operationResults/{operation.id}"
        signature = "".join(f"&{name}={value}" for name, value in self._signature(operation).items())
        # The origin that the caller used, since it must not send its token to another.
        return f"http://{request.headers['host']}{path}?api-version={version}{form}{signature}"

    def _signature(self, operation: OperationRow) -> dict[str, str]:
        """Return ARM's parameters t, c, s and h: opaque, of the observed length, and verified when polled."""
        ticks = str(operation.started + _DOTNET_EPOCH)
        return {
            "t": ticks,
            "c": self._opaque_value("certificate", 2400),
            "s": self._opaque_value(f"signature {operation.id} {ticks}", 256),
            "h": self._opaque_value(f"hash {operation.id}", 32),
        }

    def _opaque_value(self, purpose: str, size: int) -> str:
        raw = hashlib.shake_256(self._key + purpose.encode()).digest(size)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    async def _get(self, request: Request, version: str) -> Response:
        operation = await self._settled(request.path_params["operation"], request.path_params["location"])
        self._check_signature(request, operation)
        if request.query_params.get("operationResultResponseType", "").casefold() == "location":
            return self._by_location(request, version, operation)
        return Json(self._status(operation), headers=self._ids(operation))

    async def _settled(self, operation_id: str, location: str) -> OperationRow:
        """Return the current operation. Raises ArmError 404 if it is unknown or belongs to another region."""
        found = self._fleet.store.operation(operation_id)
        state = None if found is None else self._fleet.state(found.cluster)
        if state is not None and location.replace(" ", "").casefold() == state.cluster.location:
            await state.apply_due()
            settled = self._fleet.store.operation(operation_id)  # read again, since `apply_due` may have ended it
            if settled is not None:
                return settled
        raise ArmError(404, "ResourceNotFound", f"The operation result '{operation_id}' is not found.")

    def _cluster(self, operation: OperationRow) -> EmulatedCluster:
        state = self._fleet.state(operation.cluster)
        assert state is not None  # noqa: S101 - `_settled` has found it, or it has just started the operation
        return state.cluster

    def _check_signature(self, request: Request, operation: OperationRow) -> None:
        """Raise ArmError 403 for a modified poll URL; one without a signature is the documented API and is allowed."""
        expected = self._signature(operation)
        given = {name: value for name, value in request.query_params.items() if name in expected}
        if given and not hmac.compare_digest(repr(sorted(given.items())), repr(sorted(expected.items()))):
            message = "The signature of the operation URL is not valid (message of the kusto_magic emulator)."
            raise ArmError(403, "AuthorizationFailed", message)

    def _by_location(self, request: Request, version: str, operation: OperationRow) -> Response:
        # 200 without a body when done is OBSERVED, 202 while running is SPEC. An error response for a failure follows
        # the Resource Provider Contract; what this service does is not known.
        if operation.status == "Running":
            headers = self._ids(operation) | {"Location": self._url(request, version, operation, _LOCATION)}
            return Response(status_code=202, headers=headers)
        if operation.status == "Failed":
            status = 409 if operation.message.startswith("[Conflict]") else 400
            raise ArmError(status, operation.code, operation.message, self._ids(operation))
        return Response(status_code=200, headers=self._ids(operation))

    def _status(self, operation: OperationRow) -> dict[str, Any]:
        running, region = operation.status == "Running", self._cluster(operation).region
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

    def _ids(self, operation: OperationRow) -> dict[str, str]:
        caller = f"tenantId={_uuid_of('tenant')},objectId={_uuid_of('object')}"
        return {
            "x-ms-operation-root-activity-id": operation.activity,
            "x-ms-operation-identifier": f"{caller}/{self._cluster(operation).location}/{operation.id}",
        }


def _properties(operation: OperationRow) -> dict[str, str]:
    if operation.status == "Failed":  # SPEC's example: no provisioningState
        return {"operationKind": operation.kind, "operationState": "BadInput"}
    done = operation.status != "Running"
    return {
        "operationKind": operation.kind,
        "provisioningState": operation.status,
        "operationState": "Completed" if done else "InProgress",
    }


def _uuid_of(purpose: str) -> str:
    digits = hashlib.sha256(f"kusto_magic emulator {purpose}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"
