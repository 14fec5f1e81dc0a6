"""What the service's refusals mean, and what to do about each."""

from __future__ import annotations

import re

from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import Conflict, Forbidden, NotFound, ServiceError, Throttled
from kusto_magic.models.permission import IMAGES

SIGN_IN_AGAIN = "sign in again (az login), with an account of the subscription's tenant."
_MISSING_PERMISSION = re.compile(r"(?:perform action|permission) '(Microsoft\.Kusto/[\w/.-]{1,120})'", re.IGNORECASE)
"""In the message of Resource Manager's AuthorizationFailed: the action that was not allowed."""

_WAIT = "wait until the running change of the cluster is over, or add --queue, which does that and then tries again."
_ERRORS_BY_STATUS: dict[int, tuple[type[ServiceError], str]] = {
    400: (ServiceError, "the service's words above name what it does not accept; mend it and run again."),
    401: (Forbidden, SIGN_IN_AGAIN),
    403: (Forbidden, ""),
    404: (NotFound, "look at the names: %kusto_image list shows the images of the cluster."),
    409: (Conflict, _WAIT),
    429: (Throttled, "too many requests for this subscription; try again in a minute."),
}


def error_from_response(response: ArmResponse, what: str) -> ServiceError:
    """Return the error for an answer that is no success; `what` begins its message."""
    fault = response.fault()
    kind, step = _ERRORS_BY_STATUS.get(response.status, (ServiceError, ""))
    if response.status == 403:
        step = missing_role(fault.message)
    if not step:
        step = "try again; if it stays, quote the ids above in a support request."
    return kind(what, status=response.status, fault=fault, next_step=step)


def next_step(response: ArmResponse) -> str:
    """Return what to do where the identity may not see how an operation stands; "" for every other answer."""
    return {401: SIGN_IN_AGAIN, 403: missing_role(response.fault().message)}.get(response.status, "")


def missing_role(message: str) -> str:
    """Return which role to ask for: the action that the service names, else all that are needed."""
    named = _MISSING_PERMISSION.search(message)
    actions = [named[1]] if named else list(IMAGES)
    return f"ask an owner of the cluster for a role with {', '.join(actions)} (%kusto_image doctor tries them all)."
