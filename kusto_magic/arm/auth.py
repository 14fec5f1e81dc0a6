"""Bearer-token authentication for Azure Resource Manager.

Tokens come from azure-identity (`credentials`) or from any object with `get_token` or `get_token_info`, always for the
configured scope: of a response, only the claims of a challenge are passed on, never its scope, resource or tenant.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from kusto_magic.arm.credentials import (
    SIGN_IN_TIMEOUT,
    AccessToken,
    Credential,
    CredentialFactory,
    EmulatorCredential,
    _StaticToken,
    request_token,
)
from kusto_magic.arm.daemon_thread import run_in_daemon_thread
from kusto_magic.arm.log_filter import shorten_guids
from kusto_magic.arm.sign_in_errors import SIGN_IN, first_line, timeout_error
from kusto_magic.errors import SignInError
from kusto_magic.models.endpoint import is_loopback
from kusto_magic.redaction import redact

REFRESH_MARGIN = 300.0
"""Seconds before expiry at which a token is renewed; a short-lived token is renewed at half of its lifetime."""

REFRESH_RETRY_INTERVAL = 30.0
"""Seconds between attempts to renew a token that is still valid."""

_TOKEN = re.compile(r"[!-~]+")  # visible ASCII: a line break would start another header
_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_-]{1,4096})={0,2}"')
_MAX_CHALLENGE_LENGTH = 8192
_USER_CLAIMS = ("upn", "preferred_username", "unique_name")
"""The claims of a token that name a user, the most specific first."""

_ID_CLAIMS = {"appid": "application", "azp": "application", "oid": "object"}
"""The claims of a token with an ID of the caller, the most specific first, and what they identify."""


class BearerTokenAuth(httpx.Auth):
    """Adds a bearer token to each request to one endpoint; the token is cached until it is due for renewal.

    `timeout` is in seconds; None means the credential's own timeout. The credential is called on a daemon thread, so
    that a hanging one blocks neither the event loop nor the exit of the process.
    """

    def __init__(
        self,
        endpoint: str,
        scope: str,
        credential: Credential | None = None,
        *,
        timeout: float | None = None,
        now: Callable[[], float] = time.time,  # the wall clock, since `expires_on` is a wall-clock time
    ) -> None:
        # Over plain http, anyone on the network path could send a challenge.
        self._may_be_challenged = endpoint.startswith("https:") or is_loopback(urlsplit(endpoint).hostname or "")
        self._credential: Credential = credential or CredentialFactory()(endpoint)
        self._scope = scope
        self._timeout = timeout
        self._now = now
        self._token: AccessToken | None = None
        self._claims = ""
        self._refresh_at = 0.0
        self._refresh_lock = asyncio.Lock()  # concurrent first requests start one sign-in, not one each
        self._others: dict[str, BearerTokenAuth] = {}

    @property
    def identity(self) -> str:
        """The identity of the cached token, without the user's name; "" if there is no token or it has none."""
        return "" if self._token is None else identity_from_token(self._token.token)

    @property
    def account(self) -> str:
        """The name and tenant in the cached token, for a user who asks for them; "" as for `identity`."""
        return "" if self._token is None else account_from_token(self._token.token)

    async def sign_in(self) -> str:
        """Get a token and return its `identity`. Raises SignInError."""
        await self._get_token()
        return self.identity

    async def token(self, scope: str) -> str:
        """Return a token of the same credential for another scope; it is cached. Raises SignInError."""
        if scope not in self._others:
            self._others[scope] = BearerTokenAuth("", scope, self._credential, timeout=self._timeout, now=self._now)
        return (await self._others[scope]._get_token()).token

    def drop_token(self) -> None:
        """Drop the cached token, so that the next request gets another one."""
        self._token = None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add a token to the request, and drop the token if the response is 401 (httpx's auth protocol).

        The transport retries then, with the claims that the 401 demands. A second request is not yielded here, since
        httpx would first read and decompress the whole body of the 401, without a size limit.
        """
        token = await self._get_token()
        request.headers["Authorization"] = f"Bearer {token.token}"
        if isinstance(self._credential, EmulatorCredential):
            request.extensions["trace"] = self._credential.proof(token.token).verify_async
        response = yield request
        if response.status_code == 401 and self._token is token:  # else a concurrent request has renewed it already
            self._token = None
            self._claims = (
                claims_from_challenges(response.headers.get_list("www-authenticate")) if self._may_be_challenged else ""
            )

    async def _get_token(self) -> AccessToken:
        async with self._refresh_lock:
            token, now = self._token, self._now()
            if token is not None and now < self._refresh_at:
                return token
            claims, self._claims = self._claims, ""  # one new token per challenge: no loop if it is rejected too
            try:
                self._token = renewed = await self._request_token(claims)
            except SignInError:
                if token is None or token.expires_on <= now:
                    raise
                self._refresh_at = min(now + REFRESH_RETRY_INTERVAL, token.expires_on)
                return token  # an outage of the sign-in service must not fail requests that have a valid token
            self._refresh_at = renewed.expires_on - min(REFRESH_MARGIN, (renewed.expires_on - now) / 2)
            return renewed

    async def _request_token(self, claims: str) -> AccessToken:
        def get_token() -> AccessToken:
            try:
                return _validated(request_token(self._credential, self._scope, claims))
            except Exception as error:  # whatever a credential raises is a failed sign-in
                failure = _sign_in_error(error)
            raise failure  # outside the except block: the credential's error may hold what must not be shown

        # A custom credential need not have this attribute.
        own: float = getattr(self._credential, "timeout", SIGN_IN_TIMEOUT)
        timeout = self._timeout or own
        try:
            async with asyncio.timeout(timeout):  # wait_for would swallow a cancellation that coincides with the result
                return await run_in_daemon_thread(get_token, "kusto_magic sign-in")
        except TimeoutError:
            raise timeout_error(getattr(self._credential, "kind", ""), timeout) from None


def identity_from_token(token: str) -> str:
    """Return the identity in a token for display, or "". Nothing is verified: the service does that.

    A user is shown without the name, which is an e-mail address: outputs are saved and shared. Source: "Access token
    claims reference" of the Microsoft identity platform.
    """
    claims = _claims(token)
    if any(name in claims for name in _USER_CLAIMS):
        return shorten_guids(redact(f"user {claims['oid']}"))[:100] if "oid" in claims else "a user"
    for name, kind in _ID_CLAIMS.items():
        if name in claims:
            return f"{kind} {shorten_guids(redact(claims[name]))[:100]}"
    return ""


def account_from_token(token: str) -> str:
    """Return the account in a token by name, with the tenant's ID, or ""; verified as little as above."""
    claims = _claims(token)
    names = [claims[name] for name in (*_USER_CLAIMS, "app_displayname") if name in claims]
    account = redact(names[0])[:100] if names else identity_from_token(token)
    return f"{account} in tenant {redact(claims['tid'])[:100]}" if account and "tid" in claims else account


def _claims(token: str) -> dict[str, str]:
    """Return the claims of a token that are texts, none for a token that is not a JWT, such as an emulator's."""
    try:
        # A JWT omits the padding; b64decode ignores superfluous padding.
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except (IndexError, ValueError, RecursionError):  # not a JWT (custom credentials), or nested too deeply for json
        return {}
    if not isinstance(claims, dict):
        return {}
    return {name: value for name, value in claims.items() if isinstance(value, str) and value}


def claims_from_challenges(challenges: Sequence[str]) -> str:
    """Return the claims that a 401 challenge of Entra ID demands of the next token, as JSON, or "".

    Source: "Claims challenges, claims requests and client capabilities" of the Microsoft identity platform.
    """
    for challenge in challenges:
        found = _CLAIMS.search(challenge[:_MAX_CHALLENGE_LENGTH])
        if found is None or "insufficient_claims" not in challenge:
            continue
        with suppress(ValueError, RecursionError):  # invalid claims count as none
            text = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_", validate=True).decode()
            if isinstance(json.loads(text), dict):
                return text
    return ""


def _validated(token: AccessToken) -> AccessToken:
    """Return a copy of the token. Raises SignInError if it is not a token or not allowed in a header."""
    value, expires_on = getattr(token, "token", None), getattr(token, "expires_on", None)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or not isinstance(expires_on, int | float):
        raise SignInError("the credential did not return a valid token", hint=SIGN_IN)
    return _StaticToken(value, int(expires_on))  # unlike azure-core's class, its repr hides the token


def _sign_in_error(error: Exception) -> SignInError:
    """Return the error of a custom credential, which may have many lines, as a SignInError with one line."""
    if isinstance(error, SignInError):
        return error
    return SignInError(f"no token: {first_line(error)}", hint=SIGN_IN)
