"""Conventions common to all Azure Resource Manager responses: api-versions, error bodies, timestamps, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

API_2023 = "2023-08-15"
"""The first api-version with sandboxCustomImages; it has no `baseImageName`."""

API_VERSIONS = (API_2023, "2024-04-13", "2025-02-14")

NAMESPACE = "Microsoft.Kusto"
IMAGE_TYPE = "Microsoft.Kusto/Clusters/SandboxCustomImages"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS = 10_000_000


class Json(JSONResponse):
    """A JSON response with ARM's content type."""

    media_type = "application/json; charset=utf-8"


class ArmError(Exception):
    """An error response: HTTP `status` and ARM's `{"error": {"code", "message"}}`, without target as observed.

    Only Resource Graph adds `details`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers, self.details = status, code, message, headers, details

    def response(self) -> Response:
        """Return the error as a response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return Json({"error": error | ({"details": self.details} if self.details else {})}, self.status, self.headers)


def bad_request(message: str, code: str = "BadRequest") -> ArmError:
    """Return a 400. The code "BadRequest" was observed on this provider; most messages are the emulator's own."""
    return ArmError(400, code, message)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Convert the router's 404 and 405 to ARM's form; the texts are the emulator's own choice, modeled on ARM's."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    if error.status_code == 405:
        message = f"The requested resource does not support http method '{request.method}'."
        return ArmError(405, "MethodNotAllowed", message, error.headers).response()
    message = f"The resource type could not be found in the namespace '{NAMESPACE}' for this path."
    return ArmError(404, "InvalidResourceType", message).response()


async def on_failure(_request: Request, _error: Exception) -> Response:
    """Respond to a failure of the emulator itself, in ARM's form and without internal details."""
    return ArmError(500, "InternalServerError", "The kusto_magic emulator failed; see its log.").response()


def api_version(request: Request, known: Sequence[str] = API_VERSIONS, namespace: str = NAMESPACE) -> str:
    """Return the api-version of the request. Raises ArmError 400 if it is missing or not one of `known`."""
    version = request.query_params.get("api-version", "")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise bad_request(message, "MissingApiVersionParameter")
    if version not in known:
        message = (
            f"The resource type could not be found in the namespace '{namespace}' for api version '{version}'. "
            f"The supported api-versions are '{','.join(known)}'."
        )
        raise bad_request(message, "InvalidResourceType")
    return version


async def read_object(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object in UTF-8. Raises ArmError 400."""
    raw = await request.body()
    try:
        document = json.loads(raw.decode("utf-8"))
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # a lone surrogate could not be sent back
    except (ValueError, RecursionError) as error:
        message = f"The request content was invalid and could not be deserialized: '{type(error).__name__}'."
        raise bad_request(message, "InvalidRequestContent") from None
    if not isinstance(document, dict):
        message = "The request content was invalid and could not be deserialized: 'not a JSON object'."
        raise bad_request(message, "InvalidRequestContent")
    return document


def to_ticks(moment: datetime) -> int:
    """Return `moment` (aware) in .NET's unit, ticks of 100 ns, counted from 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10  # integers: a float has too few digits for ticks


def seconds_to_ticks(seconds: float) -> int:
    """Return a duration in ticks of 100 ns."""
    return round(seconds * _TICKS)


def timestamp(ticks: int) -> str:
    """Format ticks as the service does: seven decimals without trailing zeros, then "Z" (OBSERVED)."""
    return _seven_decimals(ticks).rstrip("0").rstrip(".") + "Z"


def etag(ticks: int) -> str:
    """Format ticks as the ETag of a cluster: all seven decimals, in quotes (OBSERVED)."""
    return f'"{_seven_decimals(ticks)}Z"'


def _seven_decimals(ticks: int) -> str:
    seconds, fraction = divmod(ticks, _TICKS)
    return f"{(_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{fraction:07d}"
