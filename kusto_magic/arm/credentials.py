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

from kusto_magic.arm.authority import AUTHORITY_HOSTS, authority
from kusto_magic.arm.emulator_proof import ConnectionProof
from kusto_magic.arm.log_filter import quiet_sign_in
from kusto_magic.arm.notebook_credentials import FabricCredential
from kusto_magic.arm.pipeline_credentials import github_credential, pipelines_credential
from kusto_magic.arm.sign_in_errors import sign_in_error, sign_in_required
from kusto_magic.errors import SignInError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import is_loopback, origin
from kusto_magic.models.naming import tenant_problem
from kusto_magic.settings import DEFAULT_AZ_TIMEOUT, SignIn

SIGN_IN_TIMEOUT = 11.5
"""Timeout of a sign-in in seconds; some methods of azure-identity hang for minutes in closed networks."""

INTERACTIVE_TIMEOUT = 900.0
"""Timeout of an interactive sign-in in seconds: the lifetime of Entra ID's device codes."""

TOOL_MARGIN = 3.0
"""Seconds from `az_timeout` to the timeout of the sign-in, so that the error of az, azd or PowerShell is reported."""

INTERACTIVE_TYPES = frozenset({"browser", "device"})
"""Credential types that need a user."""

TOOL_TYPES = frozenset({"default", "cli", "powershell", "developer"})
"""Credential types that run az, azd or PowerShell."""

_AZ_TYPES = frozenset({"default", "cli"})

Prompt = Callable[[str, str, datetime], None]
"""Shows the user the URL to open, the code to enter there, and the time at which the code expires."""


@dataclass(frozen=True)
class SignInOptions:
    """How to sign in, besides the credential type.

    `tenant` is the ID or domain of a tenant, "" for AZURE_TENANT_ID; `subscription` the one whose tenant az is asked
    for if there is no tenant; `az_timeout` the limit for az, azd and PowerShell in seconds. `canceled` stops the
    polling of an interactive sign-in.
    """

    tenant: str = ""
    subscription: str = ""
    az_timeout: float = DEFAULT_AZ_TIMEOUT
    canceled: threading.Event = field(default_factory=threading.Event, repr=False)

    def configured_tenant(self) -> str:
        """Return the tenant to sign in to, or "". Raises SignInError if AZURE_TENANT_ID is not valid."""
        tenant = self.tenant or os.environ.get("AZURE_TENANT_ID", "").strip()
        if tenant and tenant_problem(tenant):
            what = "no token: AZURE_TENANT_ID is neither a tenant ID nor a domain"
            raise SignInError(what, hint=Hint(HintKind.SET_VARIABLES, values=("AZURE_TENANT_ID",)))
        return tenant

    def tool_options(self) -> dict[str, Any]:
        """Return the arguments of the credentials that run az, azd or PowerShell."""
        return {"tenant_id": self.configured_tenant(), "process_timeout": max(1, round(self.az_timeout))}

    def stop_if_canceled(self, _request: object) -> None:
        """Raise SignInError if the sign-in was canceled; azure-core calls this before each request."""
        if self.canceled.is_set():
            raise SignInError("no token: the sign-in was canceled", hint=Hint(HintKind.RETRY))


class NamedCredential:
    """A credential of azure-identity by name; created at first use, since the import takes half a second.

    With `prompt`, an interactive credential may ask the user once: "device" shows its code through it, "browser" opens
    a window. Without it, no user is asked.
    """

    def __init__(
        self, kind: str, endpoint: str, prompt: Prompt | None = None, options: SignInOptions | None = None
    ) -> None:
        self.kind = kind
        self._endpoint = endpoint
        self._prompt = prompt
        self._options = options or SignInOptions()
        self._credential: Any = None
        self._lock = threading.Lock()  # a sign-in that timed out may still be running on its thread

    @property
    def timeout(self) -> float:
        """Timeout of the next `get_token` in seconds."""
        if self._prompt and self.kind in INTERACTIVE_TYPES:
            return INTERACTIVE_TIMEOUT
        return self._options.az_timeout + TOOL_MARGIN if self.kind in TOOL_TYPES else SIGN_IN_TIMEOUT

    @property
    def is_asked(self) -> bool:
        """Whether a token is being requested."""
        return self._lock.locked()

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return azure-identity's token. Raises SignInError, with a message of two or three lines."""
        with self._lock:
            prompt, self._prompt = self._prompt, None  # a renewal in the background must not prompt the user
            if self._credential is None and self.kind in INTERACTIVE_TYPES and prompt is None:
                raise sign_in_required(self.kind)
            try:
                from azure import identity  # slow to import; before quiet_sign_in, which needs its loggers

                with quiet_sign_in():
                    return self._request_token(identity, prompt, scopes, options)
            except Exception as error:  # whatever azure-identity raises is a failed sign-in
                failure = self._sign_in_error(error)
        raise failure  # outside the except block: the original error, as __context__, would hold requests and responses

    def _request_token(self, identity: Any, prompt: Prompt | None, scopes: Any, options: Any) -> Any:
        if self._credential is None:
            host = authority(self._endpoint, os.environ)
            self._credential = _credential(identity, self.kind, host, prompt, self._options)
        if self.kind in INTERACTIVE_TYPES and prompt:
            # The only call that may prompt, see `disable_automatic_authentication`.
            self._credential.authenticate(scopes=scopes)
        return self._credential.get_token(*scopes, **options)

    def _sign_in_error(self, error: Exception) -> SignInError:
        if isinstance(error, SignInError):
            return error
        tenant = self._options.configured_tenant() if self.kind in TOOL_TYPES else ""
        return sign_in_error(error, self.kind, tenant=tenant, tool_timeout=self._options.az_timeout)

    def __repr__(self) -> str:
        return f"<credential {self.kind}>"


def _credential(identity: Any, kind: str, host: str, prompt: Prompt | None, options: SignInOptions) -> Any:
    # A custom host (Azure Stack, a closed cloud) is not in the public instance discovery and would be rejected by it.
    known = host.removeprefix("https://").strip("/") in AUTHORITY_HOSTS.values()
    entra: dict[str, Any] = {"authority": host, "disable_instance_discovery": not known}

    def interactive() -> dict[str, Any]:
        chosen = {"disable_automatic_authentication": True, "timeout": int(INTERACTIVE_TIMEOUT)}
        tenant = options.configured_tenant()  # the home tenant of a guest is another one
        given = {"tenant_id": tenant} if tenant else {}
        return {**entra, **chosen, **given, "raw_request_hook": options.stop_if_canceled}

    # Functions, since some constructors raise if their variables are missing.
    factories: dict[str, Callable[[], Any]] = {
        "default": lambda: _default_chain(identity, entra, options),
        "environment": lambda: identity.EnvironmentCredential(**entra),
        "workload": lambda: identity.WorkloadIdentityCredential(**entra),
        # Unlike DefaultAzureCredential, it does not read the variable itself.
        "managed": lambda: identity.ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID")),
        # az uses the cloud it is signed in to.
        "cli": lambda: _for_subscription(identity.AzureCliCredential(**options.tool_options()), options),
        "powershell": lambda: identity.AzurePowerShellCredential(**options.tool_options()),
        "developer": lambda: identity.AzureDeveloperCliCredential(**options.tool_options()),
        "browser": lambda: identity.InteractiveBrowserCredential(**interactive()),
        "device": lambda: identity.DeviceCodeCredential(prompt_callback=prompt, **interactive()),
        "fabric": FabricCredential,
        "github": lambda: github_credential(identity, os.environ, entra),
        "pipelines": lambda: pipelines_credential(identity, os.environ, entra),
    }
    return factories[kind]()


def _default_chain(identity: Any, entra: Mapping[str, Any], options: SignInOptions) -> Any:
    """Return DefaultAzureCredential, whose arguments include neither the tenant nor the subscription of its tools."""
    tools = options.tool_options()
    chain = identity.DefaultAzureCredential(process_timeout=tools["process_timeout"], **entra)
    types = (identity.AzureCliCredential, identity.AzurePowerShellCredential, identity.AzureDeveloperCliCredential)
    for credential in chain.credentials:
        if isinstance(credential, types):
            credential.tenant_id = tools["tenant_id"]
            _for_subscription(credential, options)
    return chain


def _for_subscription(credential: Any, options: SignInOptions) -> Any:
    """Return a tool's credential, which asks for a token of the subscription's tenant if it is az and has no tenant."""
    if hasattr(credential, "subscription") and not credential.tenant_id:  # az accepts only one of them
        credential.subscription = options.subscription or None
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


@dataclass(frozen=True, eq=False)
class GivenCredential:
    """A credential object of the user, whose repr and log lines are not shown."""

    credential: Credential = field(repr=False)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for the only scope. Raises whatever the object raises."""
        with quiet_sign_in():
            return request_token(self.credential, scopes[0], options.get("claims", ""))


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


class RunningTool(NamedTuple):
    """A credential type that is running az, azd or PowerShell, and their limit in seconds."""

    kind: str
    limit: float


@dataclass(frozen=True, eq=False)
class CredentialFactory:
    """Creates the credential for an endpoint; `kind` is one of `sign_in_methods.CREDENTIAL_TYPES`.

    With `prompt`, the user may be asked to sign in, once for each endpoint. `tenant` and `az_timeout` are as for
    `SignInOptions`. `given` is a credential to use instead of one of this kind.
    """

    kind: str = "default"
    prompt: Prompt | None = None
    tenant: str = ""
    az_timeout: float = DEFAULT_AZ_TIMEOUT
    given: GivenCredential | None = None
    _canceled: threading.Event = field(default_factory=threading.Event, repr=False)
    _credentials: dict[tuple[str, str], NamedCredential] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, settings: SignIn, prompt: Prompt | None = None) -> CredentialFactory:
        """Return the factory for the settings of a sign-in."""
        return cls(settings.credential or "default", prompt, settings.tenant, settings.az_timeout)

    def __call__(self, endpoint: str, subscription: str = "") -> TokenCredential:
        """Return the credential for a subscription, "" for az's default one; the same for the same arguments.

        It is one per endpoint, except that az has a token for each subscription, whose tenant only az knows.
        """
        if is_loopback(urlsplit(endpoint).hostname or ""):
            return EmulatorCredential(endpoint)  # a token for Azure must never be sent to a process on this machine
        if self.given is not None:
            return self.given
        needs_one = self.kind in _AZ_TYPES and not (self.tenant or os.environ.get("AZURE_TENANT_ID", "").strip())
        account = subscription.lower() if needs_one else ""
        options = SignInOptions(self.tenant, account, self.az_timeout, self._canceled)
        created = NamedCredential(self.kind, endpoint, self.prompt, options)
        return self._credentials.setdefault((endpoint, account), created)

    @property
    def running_tool(self) -> RunningTool | None:
        """The program that is being asked for a token, or None."""
        is_asked = any(credential.is_asked for credential in list(self._credentials.values()))  # other threads add some
        return RunningTool(self.kind, self.az_timeout) if is_asked and self.kind in TOOL_TYPES else None

    def cancel(self) -> None:
        """Stop the interactive sign-ins that are waiting for the user."""
        self._canceled.set()
