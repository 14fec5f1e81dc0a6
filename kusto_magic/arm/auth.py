"""Who asks: a token for each request, from azure-identity (`credentials`) or from anything with `get_token`."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from kusto_magic.arm.credentials import (
    NEXT_STEPS,
    SIGN_IN_TIMEOUT,
    AccessToken,
    CredentialFactory,
    TokenCredential,
    _StaticToken,
    first_line,
)
from kusto_magic.arm.log_filter import without_query
from kusto_magic.errors import SignInFailed
from kusto_magic.models.endpoint import is_loopback
from kusto_magic.redaction import redact

REFRESH_MARGIN = 300.0
"""Seconds before a token's end at which a new one is asked for; at half of its life where that is later."""

REFRESH_RETRY_INTERVAL = 30.0
"""Seconds after which a renewal that failed is tried again, while the token at hand is still good."""


_TOKEN = re.compile(r"[!-~]+")
_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_-]{1,4096})={0,2}"')
_MAX_CHALLENGE_LENGTH = 8192
_IDENTITY_CLAIMS = {
    "upn": "", "preferred_username": "", "unique_name": "", "app_displayname": "application ",
    "appid": "application ", "azp": "application ", "oid": "object ",
}  # fmt: skip
"""The claims of a token that say who it is, the most telling first, and the word before each."""


class BearerTokenAuth(httpx.Auth):
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
        limit: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._may_be_challenged = endpoint.startswith("https:") or is_loopback(urlsplit(endpoint).hostname or "")
        self._credential = credential or CredentialFactory()(endpoint)
        self._scope = scope
        self._timeout = limit
        self._now = now
        self._token: AccessToken | None = None
        self._claims = ""
        self._refresh_at = 0.0
        self._refresh_lock = asyncio.Lock()

    @property
    def identity(self) -> str:
        """Whom the token at hand names, "" where there is none or it does not say."""
        return "" if self._token is None else identity_from_token(self._token.token)

    async def sign_in(self) -> str:
        """Get a token, and return whom it names, as `identity` does. Raises SignInFailed."""
        await self._get_token()
        return self.identity

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a token, and forget the token where the answer is 401 (httpx's protocol).

        Whoever sends asks once more then, with what the 401 asks of the next token. Not here: httpx would read the
        whole of the 401 first, unpack it, and cap nothing.
        """
        token = await self._get_token()
        request.headers["Authorization"] = f"Bearer {token.token}"
        response = yield request
        if response.status_code == 401 and self._token is token:
            self._token = None
            self._claims = (
                claims_from_challenges(response.headers.get_list("www-authenticate")) if self._may_be_challenged else ""
            )

    async def _get_token(self) -> AccessToken:
        async with self._refresh_lock:
            token, now = self._token, self._now()
            if token is not None and now < self._refresh_at:
                return token
            claims, self._claims = self._claims, ""  # a challenge is answered once
            try:
                self._token = renewed = await self._request_token({"claims": claims} if claims else {})
            except SignInFailed:
                if token is None or token.expires_on <= now:
                    raise
                self._refresh_at = min(now + REFRESH_RETRY_INTERVAL, token.expires_on)
                return token
            self._refresh_at = renewed.expires_on - min(REFRESH_MARGIN, (renewed.expires_on - now) / 2)
            return renewed

    async def _request_token(self, more: dict[str, str]) -> AccessToken:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AccessToken] = loop.create_future()

        def deliver(outcome: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(lambda: None if answer.done() else outcome())

        def ask() -> None:
            try:
                token = _checked(self._credential.get_token(self._scope, **more))
            except Exception as error:  # whatever a credential raises is a failed sign-in
                failure = _failure(error)
                deliver(lambda: answer.set_exception(failure))
            else:
                deliver(lambda: answer.set_result(token))

        limit = self._timeout or getattr(self._credential, "timeout", SIGN_IN_TIMEOUT)
        threading.Thread(target=ask, name="kusto_magic sign-in", daemon=True).start()
        try:
            async with asyncio.timeout(limit):  # wait_for would lose an interrupt that comes with the answer
                return await answer
        except TimeoutError:
            what = f"no credential answered within {limit:.0f} seconds"
            step = "name the one to use: %kusto_image use --as cli, or another (%kusto_image use --help)."
            raise SignInFailed(what, next_step=step) from None


def identity_from_token(token: str) -> str:
    """Return whom a token names, in words to show, or "". Nothing is verified: the service does that.

    Source: "Access token claims reference" of the Microsoft identity platform.
    """
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except (IndexError, ValueError, RecursionError):
        return ""
    if not isinstance(claims, dict):
        return ""
    for name, words in _IDENTITY_CLAIMS.items():
        if isinstance(claims.get(name), str) and claims[name]:
            return words + without_query(redact(claims[name]))[:100]
    return ""


def claims_from_challenges(challenges: Sequence[str]) -> str:
    """Return the claims that the next token must have, as JSON, or "": a challenge of Entra ID in a 401.

    Source: "Claims challenges, claims requests and client capabilities" of the Microsoft identity platform.
    """
    for challenge in challenges:
        found = _CLAIMS.search(challenge[:_MAX_CHALLENGE_LENGTH])
        if found is None or "insufficient_claims" not in challenge:
            continue
        with suppress(ValueError, RecursionError):
            text = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_", validate=True).decode()
            if isinstance(json.loads(text), dict):
                return text
    return ""


def _checked(token: AccessToken) -> AccessToken:
    """Return the token as a value of ours. Raises SignInFailed for one that fits in no header."""
    value, ends = getattr(token, "token", None), getattr(token, "expires_on", None)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or not isinstance(ends, int | float):
        raise SignInFailed("the credential gave something that is no token", next_step=NEXT_STEPS)
    return _StaticToken(value, int(ends))


def _failure(error: Exception) -> SignInFailed:
    """Return the many lines of somebody's own credential as one."""
    if isinstance(error, SignInFailed):
        return error
    return SignInFailed(f"no token: {first_line(error)}", next_step=NEXT_STEPS)
