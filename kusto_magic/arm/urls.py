"""URLs of the resources of a cluster, and whether a URL belongs to an endpoint."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from kusto_magic.errors import InvalidInputError, Problem, UntrustedAddressError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.endpoint import origin
from kusto_magic.models.naming import existing_image_problem
from kusto_magic.models.target import Target
from kusto_magic.redaction import redact


def cluster_url(target: Target, rest: str = "") -> str:
    """Return the URL of a cluster, or of what `rest` names below it, such as "/sandboxCustomImages"."""
    path = quote(target.cluster_id, safe="/") + rest  # resource groups may contain non-ASCII letters
    return f"{target.endpoint}{path}?api-version={API_VERSION}"


def image_url(target: Target, name: str) -> str:
    """Return the URL of an image. Raises InvalidInputError if no image can have the name."""
    if problem := existing_image_problem(name):  # such as "..": it would be the URL of another resource
        raise InvalidInputError([Problem("image name", problem)])
    return cluster_url(target, f"/sandboxCustomImages/{quote(name, safe='')}")


def require_same_origin(url: str, endpoint: str) -> str:
    """Return the URL. Raises UntrustedAddressError, which names the host, if its scheme, host or port is another one.

    `ArmTransport.send` checks every URL again, with the parser that sends the request.
    """
    try:
        is_own = origin(url) == origin(endpoint) and "@" not in urlsplit(url).netloc
    except ValueError:
        is_own = False
    if not is_own:
        raise untrusted_address(url, endpoint)
    return url


def untrusted_address(url: str, endpoint: str) -> UntrustedAddressError:
    """Return the error of a URL outside the endpoint."""
    what = f"a response named {_display_origin(url)} instead of {_display_origin(endpoint)}; nothing was sent there"
    return UntrustedAddressError(what, hint=Hint(HintKind.REPORT_ENDPOINT))


def _display_origin(url: str) -> str:
    """Return scheme, host and port of a URL for display, without user information."""
    try:
        parts = urlsplit(url)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.hostname else "no host"
    except ValueError:
        return "an unreadable URL"
    return redact(shown)[:100]
