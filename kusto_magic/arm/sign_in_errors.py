"""Errors of a failed sign-in: what azure-identity reports, in two or three lines with a hint."""

from __future__ import annotations

import re

from kusto_magic.arm.log_filter import shorten_guids
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.redaction import redact

SIGN_IN = Hint(HintKind.SIGN_IN, "device")
"""What to do about a failed sign-in without a known cause."""

_AZ_LOGIN = Hint(HintKind.RUN_COMMAND, "az login")

_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), what, hint)
    for pattern, what, hint in (
        (
            "AADSTS70002(15|22)",
            "the client secret is wrong or has expired",
            Hint(HintKind.SET_VARIABLES, values=("AZURE_CLIENT_SECRET",)),
        ),
        (
            "AADSTS(700016|90002|900023)",
            "the application or the tenant was not found",
            Hint(HintKind.SET_VARIABLES, values=("AZURE_CLIENT_ID", "AZURE_TENANT_ID")),
        ),
        (
            r"AADSTS(70021|70021\d|700024)\b",
            "the federated token was rejected",
            Hint(HintKind.FIX_FEDERATION),
        ),
        (
            "AADSTS(50076|50078|50079|50158|53000|53001|53003)",
            "the tenant requires multifactor authentication or another sign-in condition",
            Hint(HintKind.SIGN_IN, "browser"),
        ),
        (r"AADSTS(50173|70043|70008\d?|700082|700084)\b", "the sign-in has expired", _AZ_LOGIN),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the certificate of the sign-in service is not trusted",
            Hint(HintKind.SET_CA_BUNDLE, values=("REQUESTS_CA_BUNDLE",)),
        ),
        ("claims challenge|--claims-challenge", "the tenant requires a new sign-in", _AZ_LOGIN),
        ("run '?az login|az login' to set up", "the Azure CLI (az) is not signed in", _AZ_LOGIN),
        (
            "Run.{0,9}Connect-AzAccount",
            "Azure PowerShell is not signed in",
            Hint(HintKind.RUN_COMMAND, "Connect-AzAccount"),
        ),
        (
            "run .{0,2}azd auth login",
            "the Azure Developer CLI (azd) is not signed in",
            Hint(HintKind.RUN_COMMAND, "azd auth login"),
        ),
        (
            "Timed out waiting for user",
            "the device code was not entered in time",
            Hint(HintKind.SIGN_IN_INTERACTIVELY, "device"),
        ),
        ("AADSTS", "the sign-in was rejected", SIGN_IN),
    )
)
"""Pattern in an error of azure-identity, its meaning and what to do; the most specific patterns first."""

_UNAVAILABLE = {
    "default": ("no sign-in method is set up on this machine", SIGN_IN),
    "environment": (
        "AZURE_… environment variables are missing",
        Hint(HintKind.SET_VARIABLES, values=("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")),
    ),
    "workload": (
        "no federated token is configured",
        Hint(HintKind.CHOOSE_CREDENTIAL, values=("managed", "cli")),
    ),
    "managed": (
        "this machine has no managed identity",
        Hint(HintKind.ASSIGN_IDENTITY, then=Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli", "device"))),
    ),
    "cli": (
        "the Azure CLI (az) was not found",
        Hint(HintKind.INSTALL_TOOL, "az", ("az login",), then=Hint(HintKind.CHOOSE_CREDENTIAL, values=("device",))),
    ),
    "powershell": (
        "Azure PowerShell was not found",
        Hint(HintKind.INSTALL_TOOL, "Az.Accounts", ("Connect-AzAccount",)),
    ),
    "developer": (
        "the Azure Developer CLI (azd) was not found",
        Hint(HintKind.INSTALL_TOOL, "azd", ("azd auth login",)),
    ),
}
"""Message and what to do for a credential type that is not set up."""

_CODE = re.compile(r"AADSTS[0-9]{4,8}")
_NOT_SET_UP = ("CredentialUnavailableError", "ValueError")
"""WorkloadIdentityCredential raises ValueError if its environment variables are missing."""

# Compared by name, since importing the classes would import azure-core.
_UNREACHABLE = ("ServiceRequestError", "ServiceResponseError", "ConnectionError", "ReadTimeout")


def sign_in_error(error: Exception, kind: str) -> SignInError:
    """Return an error of azure-identity, which may have many lines, as what happened and what to do.

    The result contains no tenant ID.
    """
    if isinstance(error, SignInError):
        return error
    text = str(error)
    for pattern, what, hint in _MEANINGS:
        if pattern.search(text):
            code = _CODE.search(text)
            return SignInError(f"no token: {what}{f' ({code[0]})' if code else ''}", hint=hint)
    if type(error).__name__ in _UNREACHABLE:
        what = "no token: the sign-in service cannot be reached"
        return SignInError(what, hint=Hint(HintKind.CHECK_NETWORK))
    if type(error).__name__ == "AuthenticationRequiredError":
        return sign_in_required(kind)
    # The default chain reports all its attempts in one ClientAuthenticationError.
    if kind in _UNAVAILABLE and (type(error).__name__ in _NOT_SET_UP or "Attempted cred" in text):
        what, hint = _UNAVAILABLE[kind]
        return SignInError(f"no token: {what}", hint=hint)
    return SignInError(f"no token: {first_line(error)}", hint=SIGN_IN)


def first_line(error: Exception) -> str:
    """Return the first line of an error for display, with IDs shortened; its type if it has no message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shorten_guids(redact(lines[0]))[:200] if lines else type(error).__name__


def sign_in_required(kind: str) -> SignInError:
    """Return the error of a credential that needs a user when there is none to ask."""
    return SignInError("no token: an interactive sign-in is required", hint=Hint(HintKind.SIGN_IN_INTERACTIVELY, kind))
