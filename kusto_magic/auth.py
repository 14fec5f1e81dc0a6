"""Who asks: a token for each request, from azure-identity or from anything with `get_token`.

The only room that mentions tokens, and the only one that imports azure-identity.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx

from kusto_magic.errors import SignInFailed
from kusto_magic.models import is_loopback
from kusto_magic.redaction import redact

REFRESH_BEFORE = 300.0
"""Seconds before a token's end at which a new one is asked for; at half of its life where that is later."""

RENEWAL_PAUSE = 30.0
"""Seconds after which a renewal that failed is tried again, while the token at hand is still good."""

SIGN_IN_LIMIT = 12.0
"""Seconds that azure-identity's chain may take: some of its steps hang for minutes in closed networks."""

NEXT_STEP = "sign in with `az login` (or set AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret), then run the cell again."


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


_TOKEN = re.compile(r"[!-~]+")


class _Static(NamedTuple):
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
        return _Static(self.value, int(time.time()) + 365 * 86400)


def default_credential(endpoint: str) -> TokenCredential:
    """Return the credential for an endpoint for which none was given.

    azure-identity's chain (environment, workload and managed identity, az, PowerShell, azd, VS Code); for an
    address on this machine the running emulator's own token, so that no token of Azure ever goes there.
    """
    if is_loopback(urlsplit(endpoint).hostname or ""):
        return EmulatorCredential(endpoint)
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(process_timeout=int(SIGN_IN_LIMIT))


@dataclass(frozen=True)
class EmulatorCredential:
    """The token of the emulator that runs at `endpoint`; looked up anew each time, as it changes with each start."""

    endpoint: str

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """Return the running emulator's token. Raises SignInFailed where none runs there."""
        from kusto_magic.emulator import launch

        running = launch.find()
        if running is None or origin(running.target.endpoint) != origin(self.endpoint):
            raise SignInFailed(f"no emulator runs at {self.endpoint}", next_step="%kusto_image use emulator")
        return StaticCredential(running.target.token).get_token()


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL, the port as it is meant when it is not written."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), default if parts.port is None else parts.port


class Auth(httpx.Auth):
    """Puts a bearer token on each request of one endpoint, from a cache that lasts as long as the token does.

    The credential is asked off the loop, on a daemon thread, so that one that hangs holds up nothing else, not
    even the end of the process.
    """

    def __init__(
        self,
        endpoint: str,
        scope: str,
        credential: TokenCredential | None = None,
        *,
        limit: float = SIGN_IN_LIMIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._credential = credential
        self._scope = scope
        self._limit = limit
        self._now = now
        self._token: AccessToken | None = None
        self._renew_at = 0.0
        self._one_at_a_time = asyncio.Lock()

    @property
    def identity(self) -> str:
        """Whom the token at hand names, "" where there is none or it does not say."""
        return "" if self._token is None else identity_in(self._token.token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a token, and forget the token where the answer is 401 (httpx's protocol).

        Whoever sends asks once more then. Not here: httpx would read the whole of the 401 first, unpack it, and cap
        nothing.
        """
        token = await self._bearer()
        request.headers["Authorization"] = f"Bearer {token.token}"
        response = yield request
        if response.status_code == 401 and self._token is token:
            self._token = None

    async def _bearer(self) -> AccessToken:
        async with self._one_at_a_time:
            token, now = self._token, self._now()
            if token is not None and now < self._renew_at:
                return token
            try:
                self._token = renewed = await self._ask()
            except SignInFailed:
                if token is None or token.expires_on <= now:
                    raise
                self._renew_at = min(now + RENEWAL_PAUSE, token.expires_on)
                return token
            self._renew_at = renewed.expires_on - min(REFRESH_BEFORE, (renewed.expires_on - now) / 2)
            return renewed

    async def _ask(self) -> AccessToken:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AccessToken] = loop.create_future()

        def deliver(outcome: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(lambda: None if answer.done() else outcome())

        def ask() -> None:
            try:
                if self._credential is None:
                    self._credential = default_credential(self._endpoint)
                token = _checked(self._credential.get_token(self._scope))
            except Exception as error:  # whatever a credential raises is a failed sign-in
                failure = _failure(error)
                deliver(lambda: answer.set_exception(failure))
            else:
                deliver(lambda: answer.set_result(token))

        threading.Thread(target=ask, name="kusto_magic sign-in", daemon=True).start()
        try:
            async with asyncio.timeout(self._limit):  # wait_for would lose an interrupt that comes with the answer
                return await answer
        except TimeoutError:
            what = f"no credential answered within {self._limit:.0f} seconds"
            raise SignInFailed(what, next_step=NEXT_STEP) from None


def identity_in(token: str) -> str:
    """Return whom a token names, in words to show, or "". Nothing is verified: the service does that.

    Source: "Access token claims reference" of the Microsoft identity platform.
    """
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except (IndexError, ValueError, RecursionError):
        return ""
    names = ("upn", "preferred_username", "unique_name", "app_displayname", "appid")
    found = [claims[name] for name in names if isinstance(claims.get(name), str)] if isinstance(claims, dict) else []
    return redact(found[0])[:100] if found else ""


def _checked(token: AccessToken) -> AccessToken:
    """Return the token as a value of ours. Raises SignInFailed for one that fits in no header."""
    value, ends = getattr(token, "token", None), getattr(token, "expires_on", None)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or not isinstance(ends, int | float):
        raise SignInFailed("the credential gave something that is no token", next_step=NEXT_STEP)
    return _Static(value, int(ends))


def _failure(error: Exception) -> SignInFailed:
    """Return azure-identity's many lines as one; the whole of it names every step of the chain that had nothing."""
    if isinstance(error, SignInFailed):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = redact(lines[0])[:200] if lines else type(error).__name__
    return SignInFailed(f"no token: {first}", next_step=NEXT_STEP)
