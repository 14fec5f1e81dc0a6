"""Errors of a failed sign-in: what azure-identity reports, in two or three lines with a next step."""

from __future__ import annotations

import re

from kusto_magic.arm.log_filter import shorten_guids
from kusto_magic.errors import SignInFailed
from kusto_magic.redaction import redact

_THEN_RETRY = "then run the cell again."
_RESTART = "then restart the kernel."
_AZ_LOGIN = f"Run `az login` in a terminal, {_THEN_RETRY}"
NEXT_STEPS = f"Sign in with `az login` or with %kusto_image use --as device, {_THEN_RETRY}"

_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), what, step)
    for pattern, what, step in (
        (
            "AADSTS70002(15|22)",
            "the client secret is wrong or has expired",
            f"Set AZURE_CLIENT_SECRET to a valid secret, {_RESTART}",
        ),
        (
            "AADSTS(700016|90002|900023)",
            "the application or the tenant was not found",
            f"Check AZURE_CLIENT_ID and AZURE_TENANT_ID, {_RESTART}",
        ),
        (
            r"AADSTS(70021|70021\d|700024)\b",
            "the federated token was rejected",
            "Check the federated credential of the identity: issuer, subject and audience must match those of the pod.",
        ),
        (
            "AADSTS(50076|50078|50079|50158|53000|53001|53003)",
            "the tenant requires multifactor authentication or another sign-in condition",
            f"Sign in again with `az login` or with %kusto_image use --as browser, {_THEN_RETRY}",
        ),
        (r"AADSTS(50173|70043|70008\d?|700082|700084)\b", "the sign-in has expired", _AZ_LOGIN),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the certificate of the sign-in service is not trusted",
            f"Set REQUESTS_CA_BUNDLE to the bundle of your network, {_RESTART}",
        ),
        ("claims challenge|--claims-challenge", "the tenant requires a new sign-in", _AZ_LOGIN),
        ("run '?az login|az login' to set up", "the Azure CLI (az) is not signed in", _AZ_LOGIN),
        (
            "Run.{0,9}Connect-AzAccount",
            "Azure PowerShell is not signed in",
            f"Run Connect-AzAccount, {_THEN_RETRY}",
        ),
        (
            "run .{0,2}azd auth login",
            "the Azure Developer CLI (azd) is not signed in",
            f"Run `azd auth login` in a terminal, {_THEN_RETRY}",
        ),
        (
            "Timed out waiting for user",
            "the device code was not entered in time",
            "%kusto_image use --as device shows a new one.",
        ),
        ("AADSTS", "the sign-in was rejected", NEXT_STEPS),
    )
)
"""Pattern in an error of azure-identity, its meaning and the next step; the most specific patterns first."""

_UNAVAILABLE = {
    "default": ("no sign-in method is set up on this machine", NEXT_STEPS),
    "environment": (
        "AZURE_… environment variables are missing",
        f"Set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, {_RESTART}",
    ),
    "workload": (
        "no federated token is configured",
        "It is available only in pods with workload identity; choose another --as.",
    ),
    "managed": ("this machine has no managed identity", "Assign one to it, or choose another --as."),
    "cli": (
        "the Azure CLI (az) was not found",
        f"Install it and run `az login`, or use %kusto_image use --as device, {_THEN_RETRY}",
    ),
    "powershell": (
        "Azure PowerShell was not found",
        f"Install Az.Accounts and run Connect-AzAccount, {_THEN_RETRY}",
    ),
    "developer": (
        "the Azure Developer CLI (azd) was not found",
        f"Install it and run `azd auth login`, {_THEN_RETRY}",
    ),
}
"""Message and next step for a credential type that is not set up."""

_CODE = re.compile(r"AADSTS[0-9]{4,8}")
_NOT_SET_UP = ("CredentialUnavailableError", "ValueError")
"""WorkloadIdentityCredential raises ValueError if its environment variables are missing."""

# Compared by name, since importing the classes would import azure-core.
_UNREACHABLE = ("ServiceRequestError", "ServiceResponseError", "ConnectionError", "ReadTimeout")


def sign_in_error(error: Exception, kind: str) -> SignInFailed:
    """Return an error of azure-identity, which may have many lines, as what happened and what to do.

    The result contains no tenant ID.
    """
    if isinstance(error, SignInFailed):
        return error
    text = str(error)
    for pattern, what, step in _MEANINGS:
        if pattern.search(text):
            code = _CODE.search(text)
            return SignInFailed(f"no token: {what}{f' ({code[0]})' if code else ''}", next_step=step)
    if type(error).__name__ in _UNREACHABLE:
        return SignInFailed(
            "no token: the sign-in service cannot be reached", next_step="Check the network and HTTPS_PROXY."
        )
    if type(error).__name__ == "AuthenticationRequiredError":
        return sign_in_required(kind)
    # The default chain reports all its attempts in one ClientAuthenticationError.
    if kind in _UNAVAILABLE and (type(error).__name__ in _NOT_SET_UP or "Attempted cred" in text):
        what, step = _UNAVAILABLE[kind]
        return SignInFailed(f"no token: {what}", next_step=step)
    return SignInFailed(f"no token: {first_line(error)}", next_step=NEXT_STEPS)


def first_line(error: Exception) -> str:
    """Return the first line of an error for display, with IDs shortened; its type if it has no message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shorten_guids(redact(lines[0]))[:200] if lines else type(error).__name__


def sign_in_required(kind: str) -> SignInFailed:
    """Return the error of a credential that needs a user when there is none to ask."""
    step = f"Run %kusto_image use --as {kind} in an interactive notebook, or choose another --as."
    return SignInFailed("no token: an interactive sign-in is required", next_step=step)
