"""Credentials of azure-identity by name.

This is the only module that imports azure-identity, at first use.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from kusto_magic.arm.emulator_proof import ConnectionProof
from kusto_magic.arm.log_filter import install_sign_in_filters
from kusto_magic.arm.sign_in_errors import sign_in_error, sign_in_required
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS, is_loopback, origin

SIGN_IN_TIMEOUT = 11.5
"""Timeout of a sign-in in seconds; parts of azure-identity's chain hang for minutes in closed networks."""

INTERACTIVE_TIMEOUT = 900.0
"""Timeout of an interactive sign-in in seconds: the lifetime of Entra ID's device codes."""

PROCESS_TIMEOUT = int(SIGN_IN_TIMEOUT) - 1
"""Timeout of az, azd and PowerShell in seconds; shorter than the whole, so that their error is still reported."""

INTERACTIVE_TYPES = frozenset({"browser", "device"})
"""Credential types that need a user."""

Prompt = Callable[[str, str, datetime], None]
"""Shows the user the URL to open, the code to enter there, and the time at which the code expires."""

_AUTHORITY_HOSTS = {
    "public": "login.microsoftonline.com",
    "usgov": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}
"""Sign-in host of each cloud. Source: azure.identity.AzureAuthorityHosts."""


class NamedCredential:
    """A credential of azure-identity by name; created at first use, since the import takes half a second.

    With `prompt`, an interactive credential may ask the user once: "device" shows its code through it, "browser" opens
    a window. Without it, no user is asked.
    """

    def __init__(self, kind: str, endpoint: str, prompt: Prompt | None = None) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._prompt = prompt
        self._credential: Any = None
        self._lock = threading.Lock()  # a sign-in that timed out may still be running on its thread

    @property
    def timeout(self) -> float:
        """Timeout of the next `get_token` in seconds."""
        return INTERACTIVE_TIMEOUT if self._prompt and self._kind in INTERACTIVE_TYPES else SIGN_IN_TIMEOUT

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return azure-identity's token. Raises SignInError, with a message of two or three lines."""
        with self._lock:
            prompt, self._prompt = self._prompt, None  # a renewal in the background must not prompt the user
            if self._credential is None and self._kind in INTERACTIVE_TYPES and prompt is None:
                raise sign_in_required(self._kind)
            try:
                if self._credential is None:
                    self._credential = _credential(self._kind, authority(self._endpoint, os.environ), prompt)
                if self._kind in INTERACTIVE_TYPES and prompt:
                    # The only call that may prompt, see `disable_automatic_authentication`.
                    self._credential.authenticate(scopes=scopes)
                return self._credential.get_token(*scopes, **options)
            except Exception as error:  # whatever azure-identity raises is a failed sign-in
                failure = sign_in_error(error, self._kind)
        raise failure  # outside the except block: the original error, as __context__, would hold requests and responses

    def __repr__(self) -> str:
        return f"<credential {self._kind}>"


def authority(endpoint: str, environ: Mapping[str, str]) -> str:
    """Return the sign-in host for an endpoint: AZURE_AUTHORITY_HOST, or else that of its cloud."""
    if chosen := environ.get("AZURE_AUTHORITY_HOST"):
        return chosen
    names = {cloud.endpoint: name for name, cloud in CLOUDS.items()}
    return _AUTHORITY_HOSTS[names.get(endpoint, "public")]


def _credential(kind: str, host: str, prompt: Prompt | None) -> Any:
    from azure import identity  # slow to import

    # A custom host (Azure Stack, a closed cloud) is not in the public instance discovery and would be rejected by it.
    known = host.removeprefix("https://").strip("/") in _AUTHORITY_HOSTS.values()
    entra: dict[str, Any] = {"authority": host, "disable_instance_discovery": not known}
    interactive = {**entra, "disable_automatic_authentication": True, "timeout": int(INTERACTIVE_TIMEOUT)}
    if tenant := os.environ.get("AZURE_TENANT_ID"):  # the home tenant of a guest is another one
        interactive["tenant_id"] = tenant
    # Functions, since some constructors raise if their variables are missing.
    factories: dict[str, Callable[[], Any]] = {
        "default": lambda: identity.DefaultAzureCredential(process_timeout=PROCESS_TIMEOUT, **entra),
        "environment": lambda: identity.EnvironmentCredential(**entra),
        "workload": lambda: identity.WorkloadIdentityCredential(**entra),
        # Unlike DefaultAzureCredential, it does not read the variable itself.
        "managed": lambda: identity.ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID")),
        # az uses the cloud it is signed in to.
        "cli": lambda: identity.AzureCliCredential(process_timeout=PROCESS_TIMEOUT),
        "powershell": lambda: identity.AzurePowerShellCredential(process_timeout=PROCESS_TIMEOUT),
        "developer": lambda: identity.AzureDeveloperCliCredential(process_timeout=PROCESS_TIMEOUT),
        "browser": lambda: identity.InteractiveBrowserCredential(**interactive),
        "device": lambda: identity.DeviceCodeCredential(prompt_callback=prompt, **interactive),
    }
    credential = factories[kind]()
    install_sign_in_filters()  # after the import, which creates the loggers
    return credential


class AccessToken(Protocol):
    """A token and its expiry, as azure-core defines it."""

    @property
    def token(self) -> str:
        """The bearer token."""
        ...

    @property
    def expires_on(self) -> int:
        """Expiry in seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """Any object with `get_token`: a credential of azure-identity or a custom one."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a token for the scopes; may block the calling thread."""
        ...


class TokenInfoCredential(Protocol):
    """Any object with `get_token_info`, the newer method of azure-core (`SupportsTokenInfo`)."""

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessToken:
        """Return a token for the scopes; `options` may contain "claims". May block the calling thread."""
        ...


Credential = TokenCredential | TokenInfoCredential
"""A credential as the clients accept it; `get_token` is used if it has both methods."""


def request_token(credential: Credential, scope: str, claims: str = "") -> AccessToken:
    """Return a token of `credential` for exactly `scope`; `claims` are the demands of a claims challenge, or "".

    May block the calling thread. Raises whatever the credential raises.
    """
    options = {"claims": claims} if claims else {}
    get_token: Callable[..., AccessToken] | None = getattr(credential, "get_token", None)
    if get_token is not None:
        return get_token(scope, **options)
    get_token_info: Callable[..., AccessToken] = credential.get_token_info  # type: ignore[union-attr]
    return get_token_info(scope, options=options)


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
        """Return the token; its expiry is always a year ahead."""
        # Never due for renewal: a restarted emulator answers 401, which renews it.
        return _StaticToken(self.value, int(time.time()) + 365 * 86400)


@dataclass(frozen=True)
class EmulatorCredential:
    """The token of the emulator at `endpoint`; looked up each time, since every start creates a new token."""

    endpoint: str

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """Return the running emulator's token. Raises SignInError if no emulator is running there."""
        from kusto_magic.arm import local_emulator  # needed only for loopback endpoints

        running = local_emulator.find()
        if running is None or origin(running.target.endpoint) != origin(self.endpoint):
            # Another program may listen on the port of an emulator that has ended.
            what = f"no emulator is running at {self.endpoint}; no token was sent"
            raise SignInError(what, hint=Hint(HintKind.START_EMULATOR))
        return StaticCredential(running.target.token).get_token()

    def proof(self, token: str) -> ConnectionProof:
        """Return the check of each new connection on which this token is sent."""
        return ConnectionProof(token, self.endpoint.rstrip("/"))


@dataclass(frozen=True, eq=False)
class CredentialFactory:
    """Creates the credential for an endpoint; `kind` is one of `settings.CREDENTIAL_TYPES`.

    With `prompt`, the user may be asked to sign in, once for each endpoint.
    """

    kind: str = "default"
    prompt: Prompt | None = None
    _credentials: dict[str, NamedCredential] = field(default_factory=dict, repr=False)

    def __call__(self, endpoint: str) -> TokenCredential:
        """Return the credential for an endpoint; always the same one for the same endpoint."""
        if is_loopback(urlsplit(endpoint).hostname or ""):
            return EmulatorCredential(endpoint)  # a token for Azure must never be sent to a process on this machine
        return self._credentials.setdefault(endpoint, NamedCredential(self.kind, endpoint, self.prompt))
