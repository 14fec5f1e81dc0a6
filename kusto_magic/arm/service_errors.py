"""Typed errors for the service's error responses, with a next step for each.

The error code decides, since one status has several meanings: a 409 may be a busy cluster or a lock. Source: "Common
Azure deployment errors" of Azure Resource Manager, and responses of the service ("seen").
"""

from __future__ import annotations

import re

from kusto_magic.arm.response import ArmResponse
from kusto_magic.errors import Conflict, Forbidden, NotFound, ServiceError, ServiceFault, Throttled
from kusto_magic.models.permission import IMAGES

SIGN_IN_AGAIN = "Sign in again (az login) with an account of the subscription's tenant."
_MISSING_PERMISSION = re.compile(r"(?:perform action|permission) '(Microsoft\.Kusto/[\w/.-]{1,120})'", re.IGNORECASE)
"""Matches the missing action in the message of Resource Manager's AuthorizationFailed."""

_NAMESPACE = re.compile(r"namespace '([A-Za-z]{1,40}\.[A-Za-z]{1,40})'")
"""Matches the resource provider in the message of MissingSubscriptionRegistration."""

_NOT_TERMINAL = re.compile(r"\bnot terminal\b|\bprocess of maintenance\b", re.IGNORECASE)
"""Matches the messages of a busy resource or cluster (seen)."""

_WAIT = "Wait until the running change of the cluster is done, or add --queue to wait and retry automatically."
_SEE_MESSAGE = "See the service's message above"
_QUOTE_ID = "If the error persists, quote the request ID above in a support request."
_NOT_AVAILABLE = "Sandbox custom images are not available there; check the cloud and the region of the cluster."
_ERRORS_BY_STATUS: dict[int, tuple[type[ServiceError], str]] = {
    400: (ServiceError, f"{_SEE_MESSAGE}, fix what it rejects, and run again."),
    401: (Forbidden, SIGN_IN_AGAIN),
    403: (Forbidden, f"{_SEE_MESSAGE}; %kusto_image doctor checks the permissions."),
    404: (NotFound, "Check the name; %kusto_image list shows the images, %kusto_image clusters the clusters."),
    409: (ServiceError, f"{_SEE_MESSAGE}; waiting does not help unless it says so. {_QUOTE_ID}"),
    429: (Throttled, "Too many requests for this subscription; try again in a minute."),
}
_STEPS_BY_CODE = {
    "readonlydisabledsubscription": "The subscription is disabled and read-only: ask its owner to reactivate it.",
    "disallowedoperation": "The subscription does not allow this operation: ask its owner, or use another one.",
    "subscriptionnotfound": "Check the subscription ID, and sign in to its tenant: az login --tenant TENANT.",
    "invalidsubscriptionid": "Check the subscription ID; az account list shows those of your account.",
    "resourcegroupnotfound": "Check the resource group; %kusto_image clusters lists the clusters with their groups.",
    "parentresourcenotfound": "Check the cluster; %kusto_image clusters lists the clusters of the subscription.",
    "noregisteredproviderfound": _NOT_AVAILABLE,
    "invalidresourcetype": _NOT_AVAILABLE,
    "invalidresourcenamespace": _NOT_AVAILABLE,
}
"""Next steps of error codes that mean the same with any status; the codes in lower case."""

_PERMISSION_CODES = frozenset({"", "forbidden", "authorizationfailed", "linkedauthorizationfailed"})
"""Codes of a 403 that mean a missing role, in lower case; "" for a response without a code."""


def error_from_response(response: ArmResponse, what: str) -> ServiceError:
    """Return the error for an unsuccessful response; `what` is the start of its message.

    A 409 is a Conflict only if its code means that waiting helps.
    """
    fault = response.fault()
    kind, _ = _ERRORS_BY_STATUS.get(response.status, (ServiceError, ""))
    kind = Conflict if response.status == 409 and is_busy(fault) else kind
    step = _next_step(response.status, fault) or f"Try again. {_QUOTE_ID}"
    return kind(what, status=response.status, fault=fault, next_step=step)


def next_step(response: ArmResponse) -> str:
    """Return the next step if the identity may not read the status of an operation; "" for other responses."""
    return _next_step(response.status, response.fault()) if response.status in (401, 403) else ""


def is_busy(fault: ServiceFault) -> bool:
    """Return whether the error means that another change is running, so that the request can be repeated later."""
    code = fault.code.lower()
    if code == "requestconflict":
        # Without a message, nothing contradicts the usual meaning of the code.
        return not fault.message or _NOT_TERMINAL.search(fault.message) is not None
    return code == "serviceisinmaintenance"


def may_be_own_request(response: ArmResponse) -> bool:
    """Return whether a 409 to a repeated request may be caused by its first attempt: any code but the known others."""
    return response.status == 409 and not _step_by_code(409, response.fault())


def missing_role(message: str) -> str:
    """Return which role to request: the action that the message names, or else all that are needed."""
    named = _MISSING_PERMISSION.search(message)
    actions = [named[1]] if named else list(IMAGES)
    return f"Ask an owner of the cluster for a role with {', '.join(actions)} (%kusto_image doctor checks all of them)."


def _next_step(status: int, fault: ServiceFault) -> str:
    if status == 409 and is_busy(fault):
        return _WAIT
    return _step_by_code(status, fault) or _ERRORS_BY_STATUS.get(status, (ServiceError, ""))[1]


def _step_by_code(status: int, fault: ServiceFault) -> str:
    """Return the next step that the error code determines, or ""."""
    code = fault.code.lower()
    if code == "scopelocked":
        return f"Ask an owner of the cluster to remove the lock{_names(fault, 'lock')}; az lock list shows all locks."
    if code == "requestdisallowedbypolicy":
        return _policy_step(fault)
    if code == "missingsubscriptionregistration":
        named = _NAMESPACE.search(fault.message)
        return f"Register it: az provider register --namespace {named[1] if named else 'Microsoft.Kusto'} --wait."
    if status == 403 and code in _PERMISSION_CODES:
        return missing_role(fault.message)
    if status == 400 and "languageextensionimagename" in fault.message.lower():  # seen
        return "Choose one of the image names above; %kusto_image bases lists those of this version."
    if status == 400 and fault.message == "The request is invalid.":  # seen
        return "The service does not say what it rejects: check the name, the base image and the requirements."
    return _STEPS_BY_CODE.get(code, "")


def _policy_step(fault: ServiceFault) -> str:
    policy = f"the policy{_names(fault, 'policy')}"
    assignment = _names(fault, "policy assignment")
    where = f" (assignment{assignment})" if assignment else ""
    return f"Comply with {policy}{where}, or ask its owner for an exemption."


def _names(fault: ServiceFault, label: str) -> str:
    """Return the names with this label in the additional information, each after a space; "" without any."""
    return ",".join(f" '{name}'" for kind, name in fault.additional_info if kind == label)
