"""The address of a cluster's queries, checked before a token is sent there.

Resource Manager's response for a cluster names it (`properties.uri`). Source of its form and of the suffixes:
documentation of Azure Data Explorer, "https://NAME.REGION.kusto.windows.net".
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from kusto_magic.errors import UntrustedAddressError, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS, origin
from kusto_magic.models.target import Target

_EMULATED = re.compile(r"/clusters/([A-Za-z0-9-]+)")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def query_uri(uri: str, target: Target) -> str:
    """Return the address of a cluster's queries as its response names it, without a final "/".

    It must be `https://NAME.REGION` or `https://NAME` below the suffix of the target's cloud, NAME being the cluster's
    own name; for an emulator, below its endpoint. Raises UntrustedAddressError for anything else.
    """
    trimmed = uri.removesuffix("/")
    if _is_trusted(trimmed, target):
        return trimmed
    what = f"the response for the cluster names {excerpt(uri)} as its query address; nothing was sent there"
    raise UntrustedAddressError(what, hint=Hint(HintKind.REPORT_ENDPOINT))


def _is_trusted(uri: str, target: Target) -> bool:
    # Printable ASCII only: parsers disagree about the rest, and a look-alike letter could name another host.
    if not uri.isascii() or not uri.isprintable() or any(character in uri for character in " \\@?#;%"):
        return False
    try:
        parts = urlsplit(uri)
        named = origin(uri)
    except ValueError:
        return False
    if target.is_local:
        found = _EMULATED.fullmatch(parts.path)
        return named == origin(target.endpoint) and found is not None and _same(found[1], target.cluster)
    # Not `hostname`: it is lower case and has no port, user name or brackets.
    return uri == f"https://{parts.netloc}" and _is_host_of(parts.netloc.lower(), target)


def _is_host_of(host: str, target: Target) -> bool:
    suffix = next((cloud.query_suffix for cloud in CLOUDS.values() if cloud.endpoint == target.endpoint), None)
    if suffix is None or not host.endswith(suffix):
        return False
    name, *region = host.removesuffix(suffix).split(".")
    return _same(name, target.cluster) and len(region) <= 1 and all(_LABEL.fullmatch(label) for label in region)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
