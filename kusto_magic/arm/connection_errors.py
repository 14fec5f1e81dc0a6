"""TLS settings of connections, and the remedy for one that fails: certificates, proxies and name resolution."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from urllib.request import getproxies

import certifi
import httpx

from kusto_magic.errors import UnreachableError, excerpt
from kusto_magic.hints import Hint, HintKind

_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_REFUSAL = re.compile(r"4(?!08|29)\d\d\b")
"""Matches the text of httpx.ProxyError if the proxy refuses the connection; a 5xx may be temporary."""

_EXPIRED = frozenset({9, 10})
"""OpenSSL's codes of a certificate that is not valid yet (9) or has expired (10)."""

_HOST_MISMATCH = frozenset({62, 64})
"""OpenSSL's codes of a certificate for another host name (62) or IP address (64)."""


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a TLS context that trusts the same certificates as the user's other tools.

    These are only those of SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE if one is set. Otherwise they are the
    system's roots (companies add theirs there) and certifi's (some Python builds have none). Raises UnreachableError if
    the bundle cannot be read.
    """
    for variable in _BUNDLE_VARIABLES:
        if bundle := environ.get(variable):
            is_folder = os.path.isdir(bundle)  # noqa: PTH112 - no Path is needed for one check
            try:
                return ssl.create_default_context(**{"capath" if is_folder else "cafile": bundle})  # type: ignore[arg-type]
            except OSError:
                what = f"the certificate bundle in {variable} cannot be read ({excerpt(bundle)})"
                raise UnreachableError(what, hint=Hint(HintKind.FIX_VARIABLES, values=(variable,))) from None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def remedy(error: Exception) -> tuple[Hint, int | None]:
    """Return what to do about a failed connection, and how often a retry is worthwhile (None: without limit)."""
    causes = list(_causes(error))
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return _certificate_hint(certificate.verify_code), 0
    if isinstance(error, httpx.ProxyError) and _PROXY_REFUSAL.match(str(error)):
        if str(error).startswith("407"):
            return Hint(HintKind.SIGN_IN_TO_PROXY), 0
        return Hint(HintKind.FIX_PROXY), 0
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        # With a proxy, it is the proxy's name that cannot be resolved.
        proxies = getproxies()
        if proxies.get("https") or proxies.get("all"):
            return Hint(HintKind.CHECK_PROXY_NAME), 1
        return Hint(HintKind.CHECK_NAME_SERVERS), 1
    return Hint(HintKind.CHECK_NETWORK), None


def _certificate_hint(verify_code: int) -> Hint:
    """Return what to do about a certificate that is not trusted; `verify_code` is OpenSSL's."""
    if verify_code in _EXPIRED:
        return Hint(HintKind.CHECK_CLOCK)
    if verify_code in _HOST_MISMATCH:
        return Hint(HintKind.CHECK_ENDPOINT)
    variable = next((name for name in _BUNDLE_VARIABLES if os.environ.get(name)), None)
    if variable is not None:
        return Hint(HintKind.EXTEND_CA_BUNDLE, variable)
    return Hint(HintKind.SET_CA_BUNDLE, values=_BUNDLE_VARIABLES[:1])


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
