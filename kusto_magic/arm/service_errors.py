"""Typed errors for the service's error responses, with a hint for each.

The error code decides, since one status has several meanings: a 409 may be a busy cluster or a lock. Source: "Common
Azure deployment errors" of Azure Resource Manager, and responses of the service ("seen").
"""

from __future__ import annotations

import re

from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import ConflictError, ForbiddenError, NotFoundError, ServiceError, ThrottledError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.permission import IMAGES
from kusto_magic.service_fault import ServiceFault

_MISSING_PERMISSION = re.compile(r"(?:perform action|permission) '(Microsoft\.Kusto/[\w/.-]{1,120})'", re.IGNORECASE)
"""Matches the missing action in the message of Resource Manager's AuthorizationFailed."""

_NAMESPACE = re.compile(r"namespace '([A-Za-z]{1,40}\.[A-Za-z]{1,40})'")
"""Matches the resource provider in the message of MissingSubscriptionRegistration."""

_NOT_TERMINAL = re.compile(r"\bnot terminal\b|\bprocess of maintenance\b", re.IGNORECASE)
"""Matches the messages of a busy resource or cluster (seen)."""

_ERRORS_BY_STATUS: dict[int, tuple[type[ServiceError], Hint]] = {
    400: (ServiceError, Hint(HintKind.FIX_REJECTED)),
    401: (ForbiddenError, Hint(HintKind.SIGN_IN_TO_TENANT)),
    403: (ForbiddenError, Hint(HintKind.CHECK_PERMISSIONS)),
    404: (NotFoundError, Hint(HintKind.CHECK_NAME)),
    409: (ServiceError, Hint(HintKind.SEE_MESSAGE, then=Hint(HintKind.QUOTE_ID))),
    429: (ThrottledError, Hint(HintKind.WAIT_A_MINUTE)),
}
_HINTS_BY_CODE = {
    "readonlydisabledsubscription": Hint(HintKind.ASK_SUBSCRIPTION_OWNER),
    "disallowedoperation": Hint(HintKind.ASK_SUBSCRIPTION_OWNER),
    "subscriptionnotfound": Hint(HintKind.CHECK_SUBSCRIPTION),
    "invalidsubscriptionid": Hint(HintKind.CHECK_SUBSCRIPTION),
    "resourcegroupnotfound": Hint(HintKind.CHECK_CLUSTER),
    "parentresourcenotfound": Hint(HintKind.CHECK_CLUSTER),
    "noregisteredproviderfound": Hint(HintKind.CHECK_REGION),
    "invalidresourcetype": Hint(HintKind.CHECK_REGION),
    "invalidresourcenamespace": Hint(HintKind.CHECK_REGION),
}
"""What to do about error codes that mean the same with any status; the codes in lower case."""

_UNKNOWN_ERROR = (ServiceError, Hint(HintKind.RETRY, then=Hint(HintKind.QUOTE_ID)))
"""The class and the hint of any other status."""

_PERMISSION_CODES = frozenset({"", "forbidden", "authorizationfailed", "linkedauthorizationfailed"})
"""Codes of a 403 that mean a missing role, in lower case; "" for a response without a code."""


def error_from_response(response: ArmResponse, what: str) -> ServiceError:
    """Return the error for an unsuccessful response; `what` is the start of its message.

    A 409 is a ConflictError only if its code means that waiting helps.
    """
    fault = response.fault()
    kind, _ = _ERRORS_BY_STATUS.get(response.status, _UNKNOWN_ERROR)
    kind = ConflictError if response.status == 409 and is_busy(fault) else kind
    return kind(what, status=response.status, fault=fault, hint=_hint(response.status, fault))


def permission_hint(response: ArmResponse) -> Hint | None:
    """Return what to do if the identity may not read the status of an operation; None for other responses."""
    return _hint(response.status, response.fault()) if response.status in (401, 403) else None


def is_busy(fault: ServiceFault) -> bool:
    """Return whether the error means that another change is running, so that the request can be repeated later."""
    code = fault.code.lower()
    if code == "requestconflict":
        # Without a message, nothing contradicts the usual meaning of the code.
        return not fault.message or _NOT_TERMINAL.search(fault.message) is not None
    return code == "serviceisinmaintenance"


def may_be_own_request(response: ArmResponse) -> bool:
    """Return whether a 409 to a repeated request may be caused by its first attempt: any code but the known others."""
    return response.status == 409 and _hint_by_code(409, response.fault()) is None


def missing_role(message: str) -> Hint:
    """Return which role to request: with the action that the message names, or else with all that are needed."""
    named = _MISSING_PERMISSION.search(message)
    return Hint(HintKind.ASK_FOR_ROLE, values=(named[1],) if named else IMAGES)


def _hint(status: int, fault: ServiceFault) -> Hint:
    if status == 409 and is_busy(fault):
        return Hint(HintKind.WAIT_FOR_CLUSTER)
    return _hint_by_code(status, fault) or _ERRORS_BY_STATUS.get(status, _UNKNOWN_ERROR)[1]


def _hint_by_code(status: int, fault: ServiceFault) -> Hint | None:
    """Return the hint that the error code determines, or None."""
    code = fault.code.lower()
    if code == "scopelocked":
        return Hint(HintKind.REMOVE_LOCK, values=_names(fault, "lock"))
    if code == "requestdisallowedbypolicy":
        return Hint(HintKind.COMPLY_WITH_POLICY, values=_names(fault, "policy"))
    if code == "missingsubscriptionregistration":
        named = _NAMESPACE.search(fault.message)
        return Hint(HintKind.REGISTER_PROVIDER, named[1] if named else "Microsoft.Kusto")
    if status == 403 and code in _PERMISSION_CODES:
        return missing_role(fault.message)
    if status == 400 and "languageextensionimagename" in fault.message.lower():  # seen
        return Hint(HintKind.CHOOSE_LISTED_IMAGE)
    if status == 400 and fault.message == "The request is invalid.":  # seen
        return Hint(HintKind.CHECK_REQUEST)
    return _HINTS_BY_CODE.get(code)


def _names(fault: ServiceFault, label: str) -> tuple[str, ...]:
    """Return the names with this label in the additional information."""
    return tuple(name for kind, name in fault.additional_info if kind == label)
