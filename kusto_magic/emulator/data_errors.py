"""The error responses of the data plane: Kusto's OneApiError, which Microsoft's clients parse.

The form and the keys are DOCUMENTED (monitoring of ingestion, response of a query) and reported by users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from kusto_magic.emulator import arm
from kusto_magic.emulator.arm import ArmError, Json, timestamp, to_ticks
from kusto_magic.emulator.middleware import PRINCIPAL, is_data_plane

INVALID = "Request is invalid and cannot be executed."
DENIED = "Caller is not authorized to perform this action"
THROTTLED = "The sandboxed query was aborted because of throttling. Retrying after some backoff might succeed"
"""DOCUMENTED, with its code, for a query that finds no free sandbox."""

_EXCEPTIONS = "Kusto.Data.Exceptions"


@dataclass(frozen=True, slots=True)
class Kind:
    """What all errors with one HTTP status have in common; `code` is the code of one that has none of its own."""

    code: str
    message: str
    type: str
    permanent: bool = True


KINDS = {
    400: Kind("General_BadRequest", INVALID, f"{_EXCEPTIONS}.KustoBadRequestException"),
    401: Kind("Unauthorized", "Client needs to authenticate first.", f"{_EXCEPTIONS}.KustoRequestDeniedException"),
    403: Kind("Forbidden", DENIED, f"{_EXCEPTIONS}.KustoRequestDeniedException"),
    404: Kind("NotFound", INVALID, f"{_EXCEPTIONS}.EntityNotFoundException"),
    413: Kind("PayloadTooLarge", INVALID, f"{_EXCEPTIONS}.KustoBadRequestException"),
    429: Kind("E_SB_QUERY_THROTTLED_ERROR", THROTTLED, f"{_EXCEPTIONS}.QueryThrottledException", permanent=False),
    504: Kind("Timeout", "Request timed out.", f"{_EXCEPTIONS}.KustoServiceTimeoutException", permanent=False),
    520: Kind("ServiceError", INVALID, f"{_EXCEPTIONS}.KustoServiceException", permanent=False),
}
"""The statuses are DOCUMENTED, and the codes but that of 400. The types of exceptions are the emulator's own choice."""


class KustoError(Exception):
    """An error response of the data plane: HTTP `status` and the OneApiError with `code` and `message`.

    `message` is the detailed one ("@message"), which clients show. `type` is the name of an exception.
    """

    def __init__(self, status: int, message: str = "", code: str = "", type: str = "") -> None:  # noqa: A002 - Kusto's
        self.status = status
        self.kind = KINDS.get(status, KINDS[520 if status >= 500 else 400])
        self.message = message or self.kind.message
        self.code = code or self.kind.code
        self.type = type or self.kind.type
        super().__init__(self.message)

    def response(self, scope: Scope) -> Response:
        """Return the error as the response to the request of `scope`."""
        error = {
            "code": self.code,
            "message": self.kind.message,
            "@type": self.type,
            "@message": self.message,
            "@context": _context(scope),
            "@permanent": self.kind.permanent,
        }
        return Json({"error": error}, self.status)


def _context(scope: Scope) -> dict[str, Any]:
    state: dict[str, Any] = scope["state"]
    client_request, activity = state["client_request"], state["correlation"]
    return {
        "timestamp": timestamp(to_ticks(state["moment"])),
        "serviceAlias": "KUSTO_MAGIC_EMULATOR",
        "machineName": "KEngine000000",
        "processName": "Kusto.WinSvc.Svc",
        "processId": 1,
        "threadId": 1,
        "clientRequestId": client_request,
        "activityId": activity,
        "subActivityId": activity,
        "activityType": "GW.Http.CallContext",
        "parentActivityId": activity,
        "activityStack": f"(Activity stack: CRID={client_request} ARID={activity} > GW.Http.CallContext/{activity})",
    }


def database_not_found(name: str) -> KustoError:
    """Return the 400 for a missing database. Code, type and text are DOCUMENTED for an ingestion."""
    message = f"Database '{name}' was not found."
    return KustoError(400, message, "BadRequest_DatabaseNotExist", f"{_EXCEPTIONS}.DatabaseNotFoundException")


def not_authorized(database: str) -> KustoError:
    """Return the 403 for a database without rights: the text and the name of the exception are reported by users."""
    message = f"Principal '{PRINCIPAL}' is not authorized to read database '{database}'."
    return KustoError(403, message, type="Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException")


def refusal(error: ArmError, scope: Scope) -> Response:
    """Return an error in the form of the path: that of Resource Manager, or that of the data plane."""
    if not is_data_plane(scope["path"]):
        return error.response()
    response = KustoError(error.status, error.message, KINDS.get(error.status, KINDS[400]).code).response(scope)
    response.headers.update(error.headers or {})
    return response


async def on_arm_error(request: Request, error: Exception) -> Response:
    """Convert an ArmError to its response (a Starlette exception handler)."""
    assert isinstance(error, ArmError)  # noqa: S101 - registered for this type only
    return refusal(error, request.scope)


async def on_kusto_error(request: Request, error: Exception) -> Response:
    """Convert a KustoError to its response (a Starlette exception handler)."""
    assert isinstance(error, KustoError)  # noqa: S101 - registered for this type only
    return error.response(request.scope)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Convert the router's 404 and 405; on the data plane, the texts are the emulator's own choice."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    if not is_data_plane(request.url.path):
        return await arm.on_http_error(request, error)
    message = f"The kusto_magic emulator has no resource at this path for '{request.method}'."
    return refusal(ArmError(error.status_code, "", message, error.headers), request.scope)
