"""The ways to sign in, by name: which of azure-identity's credentials is meant, and what its failures mean.

The only room that imports azure-identity, at first use.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from kusto_magic.arm.log_filter import install_sign_in_filters, without_query
from kusto_magic.errors import SignInFailed
from kusto_magic.models.endpoint import CLOUDS, is_loopback, origin
from kusto_magic.redaction import redact

SIGN_IN_TIMEOUT = 11.5
"""Seconds that a sign-in may take: some steps of azure-identity's chain hang for minutes in closed networks."""

INTERACTIVE_TIMEOUT = 900.0
"""Seconds for a person to sign in: as long as Entra ID's device codes are good."""

PROCESS_TIMEOUT = int(SIGN_IN_TIMEOUT) - 1
"""Seconds for az, azd and PowerShell: less than the whole, so that what they say is heard."""

INTERACTIVE_TYPES = frozenset({"browser", "device"})

Prompt = Callable[[str, str, datetime], None]
"""Shows a person the address to open, the code to type there, and until when it is good."""

_AUTHORITY_HOSTS = {
    "public": "login.microsoftonline.com",
    "usgov": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}
"""Where each cloud signs in; source: azure.identity.AzureAuthorityHosts."""


class NamedCredential:
    """A credential of azure-identity by its name; made at first use, since the import takes half a second.

    `prompt`, where given, tells that a person is there to be asked, once: "device" shows its code by it, and "browser"
    opens a window. Nobody is asked without it.
    """

    def __init__(self, kind: str, endpoint: str, prompt: Prompt | None = None) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._prompt = prompt
        self._credential: Any = None
        self._lock = threading.Lock()

    @property
    def timeout(self) -> float:
        """How many seconds the next `get_token` may take."""
        return INTERACTIVE_TIMEOUT if self._prompt and self._kind in INTERACTIVE_TYPES else SIGN_IN_TIMEOUT

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return azure-identity's token. Raises SignInFailed in two or three lines."""
        with self._lock:
            prompt, self._prompt = self._prompt, None
            if self._credential is None and self._kind in INTERACTIVE_TYPES and prompt is None:
                raise _not_signed_in_step(self._kind)
            try:
                if self._credential is None:
                    self._credential = _credential(self._kind, authority(self._endpoint, os.environ), prompt)
                if self._kind in INTERACTIVE_TYPES and prompt:
                    self._credential.authenticate(scopes=scopes)
                return self._credential.get_token(*scopes, **options)
            except Exception as error:  # whatever azure-identity raises is a failed sign-in
                failure = sign_in_failed(error, self._kind)
        raise failure  # out here, so that it does not drag along an error that holds requests and answers

    def __repr__(self) -> str:
        return f"<credential {self._kind}>"


def authority(endpoint: str, environ: Mapping[str, str]) -> str:
    """Return the host that signs in for an endpoint: AZURE_AUTHORITY_HOST, else that of the cloud."""
    if chosen := environ.get("AZURE_AUTHORITY_HOST"):
        return chosen
    names = {cloud.endpoint: name for name, cloud in CLOUDS.items()}
    return _AUTHORITY_HOSTS[names.get(endpoint, "public")]


def _credential(kind: str, host: str, prompt: Prompt | None) -> Any:
    from azure import identity

    # A host of one's own (Azure Stack, a closed cloud) is not in the list on the internet that others are looked up in.
    known = host.removeprefix("https://").strip("/") in _AUTHORITY_HOSTS.values()
    entra: dict[str, Any] = {"authority": host, "disable_instance_discovery": not known}
    person = {**entra, "disable_automatic_authentication": True, "timeout": int(INTERACTIVE_TIMEOUT)}
    if tenant := os.environ.get("AZURE_TENANT_ID"):
        person["tenant_id"] = tenant
    makers: dict[str, Callable[[], Any]] = {
        "default": lambda: identity.DefaultAzureCredential(process_timeout=PROCESS_TIMEOUT, **entra),
        "environment": lambda: identity.EnvironmentCredential(**entra),
        "workload": lambda: identity.WorkloadIdentityCredential(**entra),
        "managed": lambda: identity.ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID")),
        "cli": lambda: identity.AzureCliCredential(process_timeout=PROCESS_TIMEOUT),
        "powershell": lambda: identity.AzurePowerShellCredential(process_timeout=PROCESS_TIMEOUT),
        "developer": lambda: identity.AzureDeveloperCliCredential(process_timeout=PROCESS_TIMEOUT),
        "browser": lambda: identity.InteractiveBrowserCredential(**person),
        "device": lambda: identity.DeviceCodeCredential(prompt_callback=prompt, **person),
    }
    made = makers[kind]()
    install_sign_in_filters()
    return made


# ── what a failure means ─────────────────────────────────────────────────────────────────────────────────────────

_THEN_RETRY = "then run the cell again."
_RESTART = "then restart the kernel."
_AZ_LOGIN = f"run `az login` in a terminal, {_THEN_RETRY}"
NEXT_STEPS = f"sign in with `az login`, or with %kusto_image use --as device, {_THEN_RETRY}"

_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), what, step)
    for pattern, what, step in (
        (
            "AADSTS70002(15|22)",
            "the client secret is wrong or has expired",
            f"set AZURE_CLIENT_SECRET anew, {_RESTART}",
        ),
        (
            "AADSTS(700016|90002|900023)",
            "the application or the tenant is not known",
            f"check AZURE_CLIENT_ID and AZURE_TENANT_ID, {_RESTART}",
        ),
        (
            r"AADSTS(70021|70021\d|700024)\b",
            "the federated token is not accepted",
            "check the federated credential of the identity: issuer, subject and audience must be those of the pod.",
        ),
        (
            "AADSTS(50076|50078|50079|50158|53000|53001|53003)",
            "a second factor or another rule of the tenant stands in the way",
            f"sign in anew with `az login`, or with %kusto_image use --as browser, {_THEN_RETRY}",
        ),
        (r"AADSTS(50173|70043|70008\d?|700082|700084)\b", "the sign-in has expired", _AZ_LOGIN),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the certificate of the sign-in is not trusted",
            f"set REQUESTS_CA_BUNDLE, {_RESTART}",
        ),
        ("claims challenge|--claims-challenge", "the tenant asks for a new sign-in", _AZ_LOGIN),
        ("run '?az login|az login' to set up", "nobody is signed in to az", _AZ_LOGIN),
        (
            "Run.{0,9}Connect-AzAccount",
            "nobody is signed in to Azure PowerShell",
            f"run Connect-AzAccount, {_THEN_RETRY}",
        ),
        (
            "run .{0,2}azd auth login",
            "nobody is signed in to azd",
            f"run `azd auth login` in a terminal, {_THEN_RETRY}",
        ),
        ("Timed out waiting for user", "nobody typed the code in time", "%kusto_image use --as device gives another."),
        ("AADSTS", "the sign-in was refused", NEXT_STEPS),
    )
)
"""What a text of azure-identity holds, what that means, and what to do: the most telling first."""

_UNAVAILABLE = {
    "default": ("none of the usual ways to sign in is set up here", NEXT_STEPS),
    "environment": ("AZURE_… variables are missing", f"set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, {_RESTART}"),
    "workload": ("no federated token is set up here", "it works in pods with one only; choose another --as."),
    "managed": ("this machine has no managed identity", "assign one to it, or choose another --as."),
    "cli": ("az is not to be found", f"install the Azure CLI and `az login`, or %kusto_image use --as device, {_THEN_RETRY}"),
    "powershell": ("Azure PowerShell is not to be found", f"install Az.Accounts and Connect-AzAccount, {_THEN_RETRY}"),
    "developer": ("azd is not to be found", f"install it and `azd auth login`, {_THEN_RETRY}"),
}  # fmt: skip

_CODE = re.compile(r"AADSTS[0-9]{4,8}")
_NOT_SET_UP = ("CredentialUnavailableError", "ValueError")
"""ValueError: what WorkloadIdentityCredential says of variables that are missing."""
_UNREACHABLE = ("ServiceRequestError", "ServiceResponseError", "ConnectionError", "ReadTimeout")


def sign_in_failed(error: Exception, kind: str) -> SignInFailed:
    """Return azure-identity's many lines as two: what it means, and what to do. No id of a tenant is in it."""
    if isinstance(error, SignInFailed):
        return error
    said = str(error)
    for pattern, what, step in _MEANINGS:
        if pattern.search(said):
            code = _CODE.search(said)
            return SignInFailed(f"no token: {what}{f' ({code[0]})' if code else ''}", next_step=step)
    if type(error).__name__ in _UNREACHABLE:
        return SignInFailed("no token: the sign-in cannot be reached", next_step="check the network and HTTPS_PROXY.")
    if type(error).__name__ == "AuthenticationRequiredError":
        return _not_signed_in_step(kind)
    if kind in _UNAVAILABLE and (type(error).__name__ in _NOT_SET_UP or "Attempted cred" in said):
        what, step = _UNAVAILABLE[kind]
        return SignInFailed(f"no token: {what}", next_step=step)
    return SignInFailed(f"no token: {first_line(error)}", next_step=NEXT_STEPS)


def first_line(error: Exception) -> str:
    """Return the first line of an error as it may be shown, without the ids in it; its type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return without_query(redact(lines[0]))[:200] if lines else type(error).__name__


def _not_signed_in_step(kind: str) -> SignInFailed:
    step = f"%kusto_image use --as {kind}, in a notebook that somebody is before; or choose another --as."
    return SignInFailed("no token: somebody has to sign in (again)", next_step=step)


class AccessToken(Protocol):
    """What a credential gives: the token, and its end in seconds since 1970."""

    @property
    def token(self) -> str:
        """The bearer token."""
        ...

    @property
    def expires_on(self) -> int:
        """When it ends, in seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """Anything with `get_token`: every credential of azure-identity, or one's own."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a token for the scopes; may block."""
        ...


class _StaticToken(NamedTuple):
    token: str
    expires_on: int

    def __repr__(self) -> str:
        return "<token>"


@dataclass(frozen=True)
class StaticCredential:
    """A credential for one fixed token: the emulator's."""

    value: str = field(repr=False)

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """Return the token; it never ends."""
        return _StaticToken(self.value, int(time.time()) + 365 * 86400)


@dataclass(frozen=True)
class EmulatorCredential:
    """The token of the emulator that runs at `endpoint`; looked up anew each time, as it changes with each start."""

    endpoint: str

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """Return the running emulator's token. Raises SignInFailed where none runs there."""
        from kusto_magic.arm import local_emulator as launch

        running = launch.find()
        if running is None or origin(running.target.endpoint) != origin(self.endpoint):
            raise SignInFailed(f"no emulator runs at {self.endpoint}", next_step="%kusto_image use emulator")
        return StaticCredential(running.target.token).get_token()


@dataclass(frozen=True, eq=False)
class CredentialFactory:
    """One way to sign in (`settings.KINDS`), for all endpoints: call it with one for the credential to use there.

    `prompt`, where given, tells that a person is there to be asked, once for each endpoint.
    """

    kind: str = "default"
    prompt: Prompt | None = None
    _made: dict[str, NamedCredential] = field(default_factory=dict, repr=False)

    def __call__(self, endpoint: str) -> TokenCredential:
        """Return the credential for an endpoint; the same one for the same endpoint."""
        if is_loopback(urlsplit(endpoint).hostname or ""):
            return EmulatorCredential(endpoint)  # no token of Azure ever goes to an address on this machine
        return self._made.setdefault(endpoint, NamedCredential(self.kind, endpoint, self.prompt))
