"""Where packages come from: which addresses and indexes are public, and which may be private.

A package of a private address or index must not be replaced by its name alone: on the public index, anyone can have
published another package of that name.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAY_BE_ANOTHER = "a public package of the same name may be another one"
"""What is said of a package whose source may be private."""

PRIVATE_ADDRESS = f"the address may be private, and {MAY_BE_ANOTHER}; name a package of the index, or bundle a wheel"
"""The problem of a line with such an address."""

_ADDRESS = re.compile(
    r"(?i)(?<![\w.-])git@|(?<!\S)[^\s:]*+(?:(?<=ssh)://|://(?:[^\s/]*[@$]|[^\s#]*[?${]|"
    r"[^\s/.:]++(?=[/:]|\s|$)|\d+\.\d+\.\d+\.\d+|\[|"
    r"(?:[a-z0-9-]++\.)+(?:local|corp|internal|intranet|lan|home|private)(?=[/:]|\s|$)|"
    r"(?:[a-z0-9-]++\.)*?(?:dev\.azure\.com|visualstudio\.com|core\.windows\.net|amazonaws\.com|jfrog\.io|pkg\.dev)))"
)
"""A user name, a variable, a query with a signature, SSH, or the host of a company's own network or account."""

_SOURCE_OPTION = re.compile(
    r"(?:-i|-f|--index-url|--extra-index-url|--find-links)(?![\w-])[\s=]*+(\S.*)?|-[if](https?:.*)"
)
_HOST = re.compile(r"[\"']?https?://([A-Za-z0-9.-]+)(?::443)?(?:/[^?@]*)?")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,100}[a-z0-9])?")
_PUBLIC_HOSTS_TEXT = (
    "pypi.org pypi.python.org files.pythonhosted.org download.pytorch.org pypi.nvidia.com data.pyg.org "
    "www.piwheels.org pypi.tuna.tsinghua.edu.cn mirrors.aliyun.com pypi.mirrors.ustc.edu.cn mirrors.ustc.edu.cn "
    "mirrors.cloud.tencent.com pypi.doubanio.com pypi.douban.com repo.huaweicloud.com"
)
UNKNOWN_INDEX = "an index that may be private"
"""The place of an index without a host that can be named."""

_PUBLIC_HOSTS = frozenset(_PUBLIC_HOSTS_TEXT.split())
"""Hosts of the public index, its mirrors, and indexes of projects whose packages the public index has too."""


def is_private_address(code: str) -> bool:
    """Return whether a line has an address that may be private; that of an index option does not count."""
    if ("://" not in code and "git@" not in code) or _SOURCE_OPTION.fullmatch(code):
        return False
    return bool(_ADDRESS.search(code))


def is_private_source(code: str) -> bool:
    """Return whether a line is an option that names an index, or a place with packages, which may be private."""
    option = _SOURCE_OPTION.fullmatch(code)
    place = (option[1] or option[2] or "") if option else ""
    host = _HOST.fullmatch(place.strip(" \"'"))
    return bool(place) and (host is None or host[1].lower() not in _PUBLIC_HOSTS)


def private_index(url: str) -> str:
    """Return an index that may be private as text, "the index at HOST"; "" for a public one.

    The text has nothing else of the URL, which may contain credentials.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return UNKNOWN_INDEX
    if host in _PUBLIC_HOSTS:
        return ""
    return f"the index at {host}" if _HOST_NAME.fullmatch(host) else UNKNOWN_INDEX
