"""Errors of a failed sign-in: what azure-identity reports, in two or three lines with a hint."""

from __future__ import annotations

import re

from kusto_magic.arm.log_filter import shorten_guids
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.redaction import EMAIL, redact

SIGN_IN = Hint(HintKind.SIGN_IN, "device")
"""What to do about a failed sign-in without a known cause."""

_AZ_LOGIN = Hint(HintKind.RUN_COMMAND, "az login")
_TENANT_LOGIN = Hint(HintKind.SIGN_IN_TO_TENANT)

_LOGIN_COMMANDS = {
    "default": "az login --tenant",
    "cli": "az login --tenant",
    "powershell": "Connect-AzAccount -Tenant",
    "developer": "azd auth login --tenant-id",
}
"""Commands that sign in to a tenant, by credential type; the tenant follows."""

_TOOLS = {"cli": "the Azure CLI (az)", "powershell": "Azure PowerShell", "developer": "the Azure Developer CLI (azd)"}
_CHECK_COMMANDS = {
    "cli": "az account show",
    "powershell": "Get-AzContext",
    "developer": "azd auth login --check-status",
}
"""Commands that show whether a tool works, by credential type; none of them prints a token."""

_CHECK_AZ = Hint(HintKind.RUN_COMMAND, "az account show")

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
            r"AADSTS(50072|50074|50076|50078|50079|50158|53000|53001|53003|53004)\b",
            "the tenant requires multifactor authentication or another sign-in condition",
            _TENANT_LOGIN,
        ),
        (r"AADSTS(16000|50020|50034|90072)\b", "the account does not exist in the tenant", _TENANT_LOGIN),
        (r"AADSTS(50173|70043|70008\d?|700082|700084)\b", "the sign-in has expired", _AZ_LOGIN),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the certificate of the sign-in service is not trusted",
            Hint(HintKind.SET_CA_BUNDLE, values=("REQUESTS_CA_BUNDLE",)),
        ),
        ("claims challenge|--claims-challenge", "the tenant requires a new sign-in", _AZ_LOGIN),
        # Before "az login": without a default subscription, azure-identity reports that az is not signed in.
        (
            r"\bno subscriptions?\b|\baz account set\b|\bsubscription\b[^\n]{0,80}(not (be )?found|n[o']t exist)",
            "the Azure CLI (az) is signed in, but has no access to this subscription",
            Hint(HintKind.CHECK_SUBSCRIPTION),
        ),
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
        ("Failed to execute '", "the program cannot be started", Hint(HintKind.CHOOSE_CREDENTIAL, values=("device",))),
        ("Failed to invoke Azure CLI", "the Azure CLI (az) failed without a message", _CHECK_AZ),
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


def sign_in_error(error: Exception, kind: str, *, tenant: str = "", tool_timeout: float = 0.0) -> SignInError:
    """Return an error of azure-identity, which may have many lines, as what happened and what to do.

    `tenant` is the configured tenant, "" if none is; `tool_timeout` the limit for az, azd and PowerShell in seconds.
    Of tenants, the result contains at most the configured one, in its hint.
    """
    if isinstance(error, SignInError):
        return error
    if _timed_out(error, kind):
        return _tool_timeout(kind, tool_timeout)
    text = f"{error}\n{getattr(error.__cause__, 'stderr', None) or ''}"  # azure-identity drops az's message in part
    for pattern, what, hint in _MEANINGS:
        if pattern.search(text):
            code = _CODE.search(text)
            what = f"no token: {what}{f' ({code[0]})' if code else ''}"
            return SignInError(what, hint=_login(hint, kind, tenant))
    return _other_error(error, kind)


def _other_error(error: Exception, kind: str) -> SignInError:
    name = type(error).__name__
    if name in _UNREACHABLE:
        what = "no token: the sign-in service cannot be reached"
        return SignInError(what, hint=Hint(HintKind.CHECK_NETWORK))
    if name == "AuthenticationRequiredError":
        return sign_in_required(kind)
    # The default chain reports all its attempts in one ClientAuthenticationError.
    if kind in _UNAVAILABLE and (name in _NOT_SET_UP or "Attempted cred" in str(error)):
        what, hint = _UNAVAILABLE[kind]
        return SignInError(f"no token: {what}", hint=hint)
    return SignInError(f"no token: {first_line(error)}", hint=SIGN_IN)


def _timed_out(error: Exception, kind: str) -> bool:
    """Return whether az, azd or PowerShell did not respond in time; azure-identity's message does not say so."""
    if kind == "default":  # the chain keeps only the messages of its attempts
        return "Failed to invoke the Azure CLI" in str(error)
    return type(error.__cause__).__name__ == "TimeoutExpired"


def timeout_error(kind: str, seconds: float) -> SignInError:
    """Return the error of a credential of this type ("" for a custom one) that returned nothing within `seconds`."""
    if kind in _TOOLS:
        return _tool_timeout(kind, seconds)
    what = f"no credential responded within {seconds:.0f} seconds"
    return SignInError(what, hint=Hint(HintKind.CHOOSE_CREDENTIAL, values=("cli",)))


def _tool_timeout(kind: str, seconds: float) -> SignInError:
    tool = kind if kind in _TOOLS else "cli"
    what = f"no token: {_TOOLS[tool]} did not respond within {seconds:.0f} seconds"
    longer = f"{max(60.0, 4 * seconds):.0f}"
    return SignInError(what, hint=Hint(HintKind.ALLOW_MORE_TIME, _CHECK_COMMANDS[tool], (longer,)))


def _login(hint: Hint, kind: str, tenant: str) -> Hint:
    """Return a hint about signing in for this credential type and the configured tenant; other hints as they are."""
    if hint not in (_AZ_LOGIN, _TENANT_LOGIN):
        return hint
    if kind not in _LOGIN_COMMANDS:
        return hint if hint == _AZ_LOGIN else Hint(HintKind.SIGN_IN, "browser")
    command, _, option = _LOGIN_COMMANDS[kind].rpartition(" ")
    if tenant:
        return Hint(HintKind.RUN_COMMAND, f"{command} {option} {tenant}")
    if hint == _AZ_LOGIN:
        return Hint(HintKind.RUN_COMMAND, command)
    return hint if command == "az login" else Hint(HintKind.RUN_COMMAND, f"{command} {option} TENANT")


def first_line(error: Exception) -> str:
    """Return the first line of an error for display, without e-mail addresses and with IDs shortened.

    Returns its type if it has no message.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shorten_guids(EMAIL.sub("•••", redact(lines[0])))[:200] if lines else type(error).__name__


def sign_in_required(kind: str) -> SignInError:
    """Return the error of a credential that needs a user when there is none to ask."""
    return SignInError("no token: an interactive sign-in is required", hint=Hint(HintKind.SIGN_IN_INTERACTIVELY, kind))
