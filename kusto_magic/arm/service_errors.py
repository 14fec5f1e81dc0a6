"""Typed errors for the service's error responses, with a next step for each."""

from __future__ import annotations

import re

from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import Conflict, Forbidden, NotFound, ServiceError, Throttled
from kusto_magic.models.permission import IMAGES

SIGN_IN_AGAIN = "Sign in again (az login) with an account of the subscription's tenant."
_MISSING_PERMISSION = re.compile(r"(?:perform action|permission) '(Microsoft\.Kusto/[\w/.-]{1,120})'", re.IGNORECASE)
"""Matches the missing action in the message of Resource Manager's AuthorizationFailed."""

_WAIT = "Wait until the running change of the cluster is done, or add --queue to wait and retry automatically."
_ERRORS_BY_STATUS: dict[int, tuple[type[ServiceError], str]] = {
    400: (ServiceError, "See the service's message above, fix what it rejects, and run again."),
    401: (Forbidden, SIGN_IN_AGAIN),
    403: (Forbidden, ""),
    404: (NotFound, "Check the name; %kusto_image list shows the images, %kusto_image clusters the clusters."),
    409: (Conflict, _WAIT),
    429: (Throttled, "Too many requests for this subscription; try again in a minute."),
}


def error_from_response(response: ArmResponse, what: str) -> ServiceError:
    """Return the error for an unsuccessful response; `what` is the start of its message."""
    fault = response.fault()
    kind, step = _ERRORS_BY_STATUS.get(response.status, (ServiceError, ""))
    if response.status == 403:
        step = missing_role(fault.message)
    if not step:
        step = "Try again. If the error persists, quote the request ID above in a support request."
    return kind(what, status=response.status, fault=fault, next_step=step)


def next_step(response: ArmResponse) -> str:
    """Return the next step if the identity may not read the status of an operation; "" for other responses."""
    return {401: SIGN_IN_AGAIN, 403: missing_role(response.fault().message)}.get(response.status, "")


def missing_role(message: str) -> str:
    """Return which role to request: the action that the message names, or else all that are needed."""
    named = _MISSING_PERMISSION.search(message)
    actions = [named[1]] if named else list(IMAGES)
    return f"Ask an owner of the cluster for a role with {', '.join(actions)} (%kusto_image doctor checks all of them)."
