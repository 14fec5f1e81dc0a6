"""The thin wire to Azure Resource Manager: one request, one answer.

What holds for every request is here: it goes to the configured endpoint only, it follows no redirect, it is given
up after a minute of silence, its answer is capped, and no log shows what is signed or secret.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from kusto_magic.arm.auth import BearerTokenAuth
from kusto_magic.arm.credentials import TokenCredential
from kusto_magic.arm.log_filter import install_http_filters
from kusto_magic.arm.rate_limiter import RateLimiter, kind_of
from kusto_magic.arm.response import ArmResponse
from kusto_magic.clock import Clock, SystemClock
from kusto_magic.errors import Unreachable, UntrustedAddress, excerpt
from kusto_magic.models.endpoint import is_loopback, origin
from kusto_magic.redaction import redact

REQUEST_TIMEOUT = 60.0
"""Seconds after which a request that is not answered in full is given up."""

MAX_RESPONSE_SIZE = 8 * 1024 * 1024
"""Bytes of an answer that are read; what is larger counts as unreadable."""

MAX_CONNECTIONS = 16
"""At most so many at once, all kept: ARM's budget of requests keeps fewer busy, and a new one costs a handshake."""

RESERVED_CONNECTIONS = 2
"""So many of them builds leave to what a person asks."""

URL_CACHE_SIZE = 4096
"""So many addresses are remembered as read and ours: reading 4,000 characters is half the work of a request."""

USER_AGENT = "kusto_magic"

_SUBSCRIPTION = re.compile(r"[^/]*//[^/]*/subscriptions/([^/?]+)", re.IGNORECASE)


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts what the user's other tools trust.

    A bundle named by SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE alone; else the system's roots (companies
    add theirs there) and certifi's (some Pythons come without any). Raises Unreachable for a bundle that is none.
    """
    import certifi

    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := environ.get(variable):
            is_folder = os.path.isdir(bundle)  # noqa: PTH112 - no Path is needed for one question
            try:
                return ssl.create_default_context(**{"capath" if is_folder else "cafile": bundle})  # type: ignore[arg-type]
            except OSError:
                what = f"the certificates that {variable} names cannot be read ({excerpt(bundle)})"
                raise Unreachable(what, next_step=f"mend or unset {variable}, then restart the kernel.") from None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class ArmTransport:
    """Sends requests to one Resource Manager endpoint. An async context manager.

    `endpoint` is an origin; `credential` None means azure-identity's chain; `transport` stands in for the network
    in tests. Proxies and certificates come from the environment, except that loopback never goes through a proxy;
    raises Unreachable where they cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        scope: str,
        *,
        credential: TokenCredential | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        request_limit: float = REQUEST_TIMEOUT,
    ) -> None:
        install_http_filters()
        self.endpoint = endpoint
        self.clock: Clock = clock or SystemClock()
        self._timeout = request_limit
        self._auth = BearerTokenAuth(endpoint, scope, credential, now=lambda: self.clock.wall().timestamp())
        self._validated_urls = lru_cache(URL_CACHE_SIZE)(self._validate_url)
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._background_slots = asyncio.Semaphore(MAX_CONNECTIONS - RESERVED_CONNECTIONS)
        self.polled_builds = 0
        """How many operations are followed over this wire."""
        secure = transport is None and endpoint.startswith("https:")
        try:
            self._http = httpx.AsyncClient(
                auth=self._auth,
                transport=transport,
                verify=tls_context(os.environ) if secure else False,  # else there is no TLS: nothing to verify
                trust_env=not is_loopback(urlsplit(endpoint).hostname or ""),
                follow_redirects=False,
                timeout=httpx.Timeout(request_limit, pool=None),
                limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT},
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            what = f"the proxy that the environment names cannot be used ({redact(str(error))[:200]})"
            raise Unreachable(what, next_step="mend or unset HTTPS_PROXY and ALL_PROXY, then run again.") from None

    @property
    def identity(self) -> str:
        """Who is signed in, in words to show; "" before the first request, and where the token does not say."""
        return self._auth.identity

    async def sign_in(self) -> str:
        """Get a token and nothing else; return whom it names, as `identity` does. Raises SignInFailed."""
        return await self._auth.sign_in()

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

    async def send(self, method: str, url: str, body: bytes | None = None, *, background: bool = False) -> ArmResponse:
        """Send one request; `url` is absolute, `body` JSON. Return its answer, whatever its status.

        It waits for its turn where the subscription's budget is spent; `background` tells that no person waits for
        just this one. A 401 is asked once more, with a new token. Raises UntrustedAddress (nothing was sent),
        SignInFailed (nothing was sent), Unreachable (it may have arrived).
        """
        address = self.require_same_origin(url)
        budget, kind = self._rate_limiter(url), kind_of(method)
        async with self._slot(background), budget.acquire(kind, background=background):
            answer = await self._send(method, address, url, body)
            if answer.status == 401:
                answer = await self._send(method, address, url, body)
            budget.update(kind, answer)
        return answer

    @asynccontextmanager
    async def _slot(self, background: bool) -> AsyncIterator[None]:
        """Wait for a connection here: a request's time begins when it is sent, and a person finds one free."""
        async with self._background_slots if background else nullcontext(), self._slots:
            yield

    def _rate_limiter(self, url: str) -> RateLimiter:
        """Return the budget of the subscription that a URL names; what names none has one of its own."""
        found = _SUBSCRIPTION.match(url)
        return self._rate_limiters.setdefault(found[1].lower() if found else "", RateLimiter(self.clock))

    async def _send(self, method: str, address: httpx.URL, url: str, body: bytes | None) -> ArmResponse:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream(method, address, content=body, headers=headers) as answer,
            ):
                raw = await _read_capped(answer)
                return ArmResponse(
                    status=answer.status_code,
                    headers=_headers(answer),
                    body=raw or b"",
                    url=url,
                    received_at=self.clock.wall(),
                    is_truncated=raw is None,
                )
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, ssl.SSLError) as error:
            failure = self._unreachable(error)
        raise failure  # out here, so that it does not drag along an httpx error, which holds the signed URL

    def require_same_origin(self, url: str) -> httpx.URL:
        """Keep the token's one door: requests go to the endpoint's own scheme, host and port, and nowhere else.

        Return the URL as it is sent. Raises UntrustedAddress, naming the host, for any other URL.
        """
        try:
            return self._validated_urls(url)
        except (ValueError, httpx.InvalidURL):
            raise UntrustedAddress(
                f"an answer named {_display_origin(url)} instead of {_display_origin(self.endpoint)}; nothing was sent there",
                next_step="%kusto_image attach NAME asks the image itself; report this to whoever runs the endpoint.",
            ) from None

    def _validate_url(self, url: str) -> httpx.URL:
        """Return a URL of the endpoint. Raises ValueError or httpx.InvalidURL for any other one."""
        # Read twice, as two readers of URLs may differ; httpx is the one that sends, and refuses what is unseen.
        sent = httpx.URL(url)
        origins = {origin(url), origin(f"{sent.scheme}://{sent.netloc.decode()}"), origin(self.endpoint)}
        if len(origins) != 1 or "@" in urlsplit(url).netloc:
            raise ValueError("another origin")
        return sent

    def _unreachable(self, error: Exception) -> Unreachable:
        silent = isinstance(error, TimeoutError | httpx.TimeoutException)
        why = (
            "did not answer in time" if silent else f"cannot be reached ({redact(str(error) or type(error).__name__)})"
        )
        step = "check the network, the proxy (HTTPS_PROXY) and the certificates (SSL_CERT_FILE), then run again."
        if is_loopback(urlsplit(self.endpoint).hostname or ""):
            step = "start the emulator again with %kusto_image use emulator."
        if "CERTIFICATE" in why:
            step = "name the bundle with your network's certificates by SSL_CERT_FILE, then restart the kernel."
        arrived = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
        return Unreachable(f"{urlsplit(self.endpoint).netloc} {why}", next_step=step, arrived=arrived)


def _display_origin(url: str) -> str:
    """Return scheme, host and port of a URL as they may be shown, without a user."""
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.hostname else "no host"
    except ValueError:
        return "an unreadable address"
    return redact(place)[:100]


def _headers(answer: httpx.Response) -> Mapping[str, str]:
    headers = {name: _single_header(name, answer.headers.get_list(name)) for name in answer.headers}
    # The operation identifier holds the caller's tenant and object id; it is kept out of every value from here on.
    return {name: value for name, value in headers.items() if name != "x-ms-operation-identifier"}


def _single_header(name: str, values: Sequence[str]) -> str:
    """Return a header's value; of several (RFC 9110 §5.3) a list, but no list of addresses: they must agree."""
    if name in ("azure-asyncoperation", "location"):
        return values[0] if len(set(values)) == 1 else ""
    return ", ".join(values)


async def _read_capped(answer: httpx.Response) -> bytes | None:
    """Return the raw body, or None where it is too large or compressed although we asked for plain."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_RESPONSE_SIZE:
            return None
    return bytes(body)
