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

from kusto_magic.errors import Unreachable, excerpt

CHECK_NETWORK = "Check the network and the proxy (HTTPS_PROXY), then run again."
"""Next step after a connection that failed for no known reason."""

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
    system's roots (companies add theirs there) and certifi's (some Python builds have none). Raises Unreachable if
    the bundle cannot be read.
    """
    for variable in _BUNDLE_VARIABLES:
        if bundle := environ.get(variable):
            is_folder = os.path.isdir(bundle)  # noqa: PTH112 - no Path is needed for one check
            try:
                return ssl.create_default_context(**{"capath" if is_folder else "cafile": bundle})  # type: ignore[arg-type]
            except OSError:
                what = f"the certificate bundle in {variable} cannot be read ({excerpt(bundle)})"
                raise Unreachable(what, next_step=f"Fix or unset {variable}, then restart the kernel.") from None
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def remedy(error: Exception) -> tuple[str, int | None]:
    """Return the next step for a failed connection, and how often a retry is worthwhile (None: without limit)."""
    causes = list(_causes(error))
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return _certificate_step(certificate.verify_code), 0
    if isinstance(error, httpx.ProxyError) and _PROXY_REFUSAL.match(str(error)):
        if str(error).startswith("407"):
            return "The proxy requires a sign-in: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, then run again.", 0
        return "The proxy refuses the connection: check HTTPS_PROXY, or add the host to NO_PROXY, then run again.", 0
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        # With a proxy, it is the proxy's name that cannot be resolved.
        proxies = getproxies()
        if proxies.get("https") or proxies.get("all"):
            return "Check the host name of the proxy (HTTPS_PROXY or ALL_PROXY) and the network, then run again.", 1
        return "Check the network, the VPN and its name servers; a network with a proxy needs HTTPS_PROXY.", 1
    return CHECK_NETWORK, None


def _certificate_step(verify_code: int) -> str:
    """Return the next step for a certificate that is not trusted; `verify_code` is OpenSSL's."""
    if verify_code in _EXPIRED:
        return "Check the date and time of this machine; if they are correct, the certificate has to be renewed."
    if verify_code in _HOST_MISMATCH:
        return "Check the endpoint (%kusto_image doctor) and the proxy: the certificate is that of another host."
    variable = next((name for name in _BUNDLE_VARIABLES if os.environ.get(name)), None)
    if variable is not None:
        return f"Add your network's certificates to the bundle in {variable}, then restart the kernel."
    return "Set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to a bundle with your network's certificates; restart the kernel."


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
