"""HTTP transport to Azure Resource Manager.

It enforces what holds for every request: it is sent to the configured endpoint only, also if a GET is redirected, it
times out after a minute, the size of the response is limited, and logs contain no signature or secret.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

from kusto_magic.arm.auth import BearerTokenAuth
from kusto_magic.arm.connection_errors import remedy, tls_context
from kusto_magic.arm.credentials import Credential
from kusto_magic.arm.emulator_proof import UnprovenEmulatorError
from kusto_magic.arm.log_filter import install_http_filters
from kusto_magic.arm.rate_limiter import RateLimiter, request_kind
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.urls import untrusted_address
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import UnreachableError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import is_loopback, origin
from kusto_magic.redaction import redact

REQUEST_TIMEOUT = 60.0
"""Seconds within which the complete response must arrive."""

MAX_RESPONSE_SIZE = 8 * 1024 * 1024
"""Maximum size of a response body in bytes; a larger one is discarded."""

MAX_CONNECTIONS = 16
"""Maximum number of connections, all kept alive: ARM's rate limits keep fewer busy, and a new one costs a handshake."""

KEEPALIVE_EXPIRY = 120.0
"""Seconds for which an idle connection is kept: longer than between two polls (`operation.MAX_BACKOFF`), so that a poll
needs no new handshake, and shorter than 4 minutes, when Azure's load balancers drop it without closing it."""

RESERVED_CONNECTIONS = 2
"""Connections reserved for interactive requests."""

MAX_REDIRECTS = 5
"""Maximum number of redirects of one GET that are followed; all of them lead to the configured endpoint."""

URL_CACHE_SIZE = 4096
"""Size of the cache of validated URLs; parsing a signed URL takes about half of a request's CPU time."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SUBSCRIPTION = re.compile(r"[^/]*//[^/]*/subscriptions/([^/?]+)", re.IGNORECASE)


class ArmTransport:
    """Sends requests to one Resource Manager endpoint. Use it as an async context manager.

    `endpoint` is an origin (scheme, host and port). Without `credential`, azure-identity's chain is used. `transport`
    replaces the network in tests; `request_timeout` is in seconds. Proxies and certificates are taken from the
    environment, except that loopback never uses a proxy. Raises UnreachableError if they cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        scope: str,
        *,
        credential: Credential | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        install_http_filters()  # before the first request, whose URL may be signed
        self.endpoint = endpoint
        self.clock: Clock = clock or SystemClock()
        self._timeout = request_timeout
        self._auth = BearerTokenAuth(endpoint, scope, credential, now=lambda: self.clock.wall().timestamp())
        # Per instance: a cache on the method would keep every transport alive.
        self._validated_urls = lru_cache(URL_CACHE_SIZE)(self._validate_url)
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._clock_offset: float | None = None
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._background_slots = asyncio.Semaphore(MAX_CONNECTIONS - RESERVED_CONNECTIONS)
        self.polled_builds = 0
        """Number of operations being polled through this transport."""
        secure = transport is None and endpoint.startswith("https:")
        try:
            self._http = httpx.AsyncClient(
                auth=self._auth,
                transport=transport,
                verify=tls_context(os.environ) if secure else False,  # without TLS there is nothing to verify
                trust_env=not is_loopback(urlsplit(endpoint).hostname or ""),
                follow_redirects=False,  # the Location of a redirect could be any host
                timeout=httpx.Timeout(request_timeout, pool=None),  # a request waits for the semaphores instead
                limits=httpx.Limits(
                    max_connections=MAX_CONNECTIONS,
                    max_keepalive_connections=MAX_CONNECTIONS,
                    keepalive_expiry=KEEPALIVE_EXPIRY,
                ),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": user_agent()},
            )
        # ImportError: a SOCKS proxy without the package socksio.
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            what = f"the proxy configured in the environment cannot be used ({redact(str(error))[:200]})"
            variables = Hint(HintKind.FIX_VARIABLES, values=("HTTPS_PROXY", "ALL_PROXY"))
            raise UnreachableError(what, hint=variables) from None

    @property
    def identity(self) -> str:
        """The signed-in identity, without the user's name; "" before the first request or if the token has none."""
        return self._auth.identity

    @property
    def account(self) -> str:
        """The signed-in account and its tenant, by name where the token has one; "" as for `identity`."""
        return self._auth.account

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which this machine's clock was ahead of the service's at the last response; None if unknown."""
        return self._clock_offset

    async def sign_in(self) -> str:
        """Get a token without sending a request; return its `identity`. Raises SignInError."""
        return await self._auth.sign_in()

    async def token(self, scope: str) -> str:
        """Return a token of the same credential for another OAuth scope. Raises SignInError."""
        return await self._auth.token(scope)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(exc_type, exc_value, traceback)

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        *,
        background: bool = False,
        timeout: float = REQUEST_TIMEOUT,
    ) -> ArmResponse:
        """Send one request; `url` is absolute, `body` JSON. Return the response, whatever its status.

        The request waits while the subscription's rate limit is exhausted; `background`: no user is waiting for it. A
        401 is retried once with a new token, and redirects of a GET within the endpoint are followed. `timeout` is the
        seconds from sending to the complete response, at most those of this transport. Raises UntrustedAddressError
        (nothing was sent), SignInError (nothing was sent), UnreachableError (the request may have arrived).
        """
        validated_url = self.require_same_origin(url)
        limiter, kind = self._rate_limiter(url), request_kind(method)
        async with self._slot(background), limiter.acquire(kind, background=background):
            response = await self._send_authorized(method, validated_url, url, body, timeout)
            for _ in range(MAX_REDIRECTS if method == "GET" else 0):
                target = self._redirect_target(response)
                if target is None:
                    break
                response = await self._send_authorized(method, self.require_same_origin(target), target, None, timeout)
            limiter.update(kind, response)
        self._clock_offset = response.clock_offset
        return response

    def _redirect_target(self, response: ArmResponse) -> str | None:
        """Return the URL to which the response redirects, or None if it is outside the endpoint or no redirect."""
        location = response.headers.get("location", "").strip()
        if response.status not in _REDIRECTS or not location:
            return None
        try:
            target = urljoin(response.url, location)
            self._validated_urls(target)
        except (ValueError, httpx.InvalidURL):
            return None
        return target

    @asynccontextmanager
    async def _slot(self, background: bool) -> AsyncIterator[None]:
        """Acquire a connection slot before the request timeout starts."""
        # The background semaphore first: a request that waits there holds no other slot.
        async with self._background_slots if background else nullcontext(), self._slots:
            yield

    def _rate_limiter(self, url: str) -> RateLimiter:
        """Return the rate limiter of the subscription in the URL; URLs without one share a limiter."""
        found = _SUBSCRIPTION.match(url)
        return self._rate_limiters.setdefault(found[1].lower() if found else "", RateLimiter(self.clock))

    async def _send_authorized(
        self, method: str, validated_url: httpx.URL, url: str, body: bytes | None, timeout: float
    ) -> ArmResponse:
        """Send a request; again with a new token if the token is rejected, or its emulator has ended."""
        try:
            response = await self._send(method, validated_url, url, body, timeout)
            if response.status != 401:
                return response
        except UnprovenEmulatorError:
            self._auth.drop_token()
        try:
            return await self._send(method, validated_url, url, body, timeout)
        except UnprovenEmulatorError:
            what = f"another program uses the emulator's port {urlsplit(self.endpoint).netloc}"
            raise UnreachableError(what, hint=Hint(HintKind.START_EMULATOR), arrived=False) from None

    async def _send(
        self, method: str, validated_url: httpx.URL, url: str, body: bytes | None, timeout: float
    ) -> ArmResponse:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with (
                asyncio.timeout(min(timeout, self._timeout)),  # httpx limits each read, but not the whole response
                self._http.stream(method, validated_url, content=body, headers=headers) as response,
            ):
                raw = await _read_capped(response)
                return ArmResponse(
                    status=response.status_code,
                    headers=_headers(response),
                    body=raw or b"",
                    url=url,
                    received_at=self.clock.wall(),
                    is_truncated=raw is None,
                )
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, ssl.SSLError) as error:
            failure = self._unreachable(error)
        raise failure  # outside the except block: the httpx error, as __context__, would hold the signed URL

    def require_same_origin(self, url: str) -> httpx.URL:
        """Reject URLs outside the configured endpoint, so that the token is never sent elsewhere.

        Return the URL as it will be sent. Raises UntrustedAddressError, which names the host, for a URL with another
        scheme, host or port.
        """
        try:
            return self._validated_urls(url)
        except (ValueError, httpx.InvalidURL):
            raise untrusted_address(url, self.endpoint) from None

    def _validate_url(self, url: str) -> httpx.URL:
        """Return the URL if it belongs to the endpoint. Raises ValueError or httpx.InvalidURL otherwise."""
        # Parsed twice, since URL parsers may disagree: httpx sends the request, and it rejects invisible characters.
        sent = httpx.URL(url)
        origins = {origin(url), origin(f"{sent.scheme}://{sent.netloc.decode()}"), origin(self.endpoint)}
        if len(origins) != 1 or "@" in urlsplit(url).netloc:
            raise ValueError("another origin")
        return sent

    def _unreachable(self, error: Exception) -> UnreachableError:
        timed_out = isinstance(error, TimeoutError | httpx.TimeoutException)
        why = (
            "did not respond in time"
            if timed_out
            else f"cannot be reached ({redact(str(error) or type(error).__name__)})"
        )
        hint, max_retries = remedy(error)
        if is_loopback(urlsplit(self.endpoint).hostname or "") and max_retries is None:
            hint = Hint(HintKind.START_EMULATOR)
        # These three fail before the first byte of the request is sent, so the service cannot have acted on it.
        arrived = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
        what = f"{urlsplit(self.endpoint).netloc} {why}"
        return UnreachableError(what, hint=hint, arrived=arrived, max_retries=max_retries)


@cache
def user_agent() -> str:
    """Return the User-Agent header of every request: this package, Python and the system, for support requests."""
    try:
        installed = version("kusto-magic")
    except PackageNotFoundError:  # a source tree on sys.path
        installed = "unknown"
    return f"kusto-magic/{installed} Python/{sys.version_info.major}.{sys.version_info.minor} ({platform.system()})"


def _headers(response: httpx.Response) -> Mapping[str, str]:
    headers = {name: _single_header(name, response.headers.get_list(name)) for name in response.headers}
    # The operation identifier contains the caller's tenant and object ID: drop it before anything can show it.
    return {name: value for name, value in headers.items() if name != "x-ms-operation-identifier"}


def _single_header(name: str, values: Sequence[str]) -> str:
    """Return the value of a header; several are joined (RFC 9110 §5.3), except URLs, which must be equal."""
    if name in ("azure-asyncoperation", "location"):
        return values[0] if len(set(values)) == 1 else ""  # two different URLs: neither is trusted
    return ", ".join(values)


async def _read_capped(response: httpx.Response) -> bytes | None:
    """Return the raw body, or None if it is too large or compressed although identity was requested."""
    # Never decompressed: in httpx, a body of 65 KB can expand to a single chunk of 64 MiB.
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_RESPONSE_SIZE:
            return None
    return bytes(body)
