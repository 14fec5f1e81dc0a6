"""Azure clouds and the validation of Resource Manager endpoints."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from kusto_magic.errors import excerpt


@dataclass(frozen=True, slots=True)
class Cloud:
    """An Azure cloud: its Resource Manager endpoint, the OAuth scope of the tokens for it, the suffix of clusters."""

    endpoint: str
    scope: str
    query_suffix: str


CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud("https://management.azure.com", "https://management.azure.com/.default", ".kusto.windows.net"),
    "usgov": Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        ".kusto.usgovcloudapi.net",
    ),
    "china": Cloud(
        "https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default", ".kusto.chinacloudapi.cn"
    ),
}
"""Clouds by name. Sources: azure-mgmt-core, `get_arm_endpoints` (endpoint and scope differ in US Government), and the
trusted endpoints of azure-kusto-data.
"""

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|[0-9a-f]*:[0-9a-f:.]+", re.IGNORECASE)


def endpoint_problem(value: object) -> str:
    """Return the rule that an endpoint breaks, or "": an origin with https, or with http on this machine."""
    shape = f"{excerpt(value)} is not a valid endpoint: use an origin such as {CLOUDS['public'].endpoint}"
    # ASCII only: a look-alike letter could name another host.
    if not isinstance(value, str) or not value.isascii() or any(char.isspace() for char in value):
        return shape
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        return shape
    if not host or not _HOST.fullmatch(host):
        return shape
    if port == 0 or value not in {f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}/"}:
        return shape + ", without a path"
    if "@" in parts.netloc:
        return f"the endpoint at {host} contains a user name: use an origin such as {CLOUDS['public'].endpoint}"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return f"{excerpt(value)} does not use https; http is allowed only for an emulator on this machine"
    # A look-alike such as management.azure.com.example would receive the token of a user who overlooks the difference.
    known = [urlsplit(cloud.endpoint).hostname or "" for cloud in CLOUDS.values()]
    if host not in known and any(name in host for name in known):
        return f"{excerpt(value)} contains the name of an Azure endpoint but is not one"
    return ""


def is_loopback(host: str) -> bool:
    """Return whether `host` (a name or an address without brackets) always means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL, with the default port of the scheme if it has none."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)  # "https://host" and "https://host:443" are one origin
    return parts.scheme, (parts.hostname or "").lower(), default if parts.port is None else parts.port
