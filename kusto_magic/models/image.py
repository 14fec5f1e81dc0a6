"""The values this package is about, and their spelling in ARM's JSON.

`Target` says which cluster, `ImageSpec` what an image shall be, `Image` what the service says it is. All are
frozen, and all that exist are valid: a wrong one is refused when it is made, with every problem at once.

Source of the JSON: Microsoft.Kusto/clusters/sandboxCustomImages, api-version 2024-04-13, "Create Or Update".
"""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kusto_magic.errors import InvalidInput, Problem, excerpt
from kusto_magic.redaction import redact
from kusto_magic.requirements import parser as requirements_text

API_VERSION = "2024-04-13"
"""The oldest api-version with `baseImageName`, the newest with recorded traffic."""

LANGUAGE = "Python"
"""The only value of ARM's enum `Language`."""

UNREADABLE_STATE = "unreadable"
"""The `state` of an image whose `provisioningState` is null, empty or no text; the service has no such word."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """An Azure cloud: where its Resource Manager is, and the OAuth scope of a token for it."""

    endpoint: str
    scope: str


CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud("https://management.azure.com", "https://management.azure.com/.default"),
    "usgov": Cloud("https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net/.default"),
    "china": Cloud("https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
}
"""The clouds by name; source: azure-mgmt-core, `get_arm_endpoints` (in US Government the hosts differ)."""


@dataclass(frozen=True, slots=True)
class ManagedImage:
    """An image that Azure ships: its name in the API, its Python version, its standing."""

    name: str
    python: str
    title: str


MANAGED_IMAGES: Mapping[str, ManagedImage] = {
    image.name: image
    for image in (
        ManagedImage("Python3_11_7", "3.11.7", "Python 3.11.7 (preview)"),
        ManagedImage("Python3_11_7_DL", "3.11.7", "Python 3.11.7 DL (preview)"),
        ManagedImage("Python3_10_8", "3.10.8", "Python 3.10.8"),
        ManagedImage("Python3_10_8_DL", "3.10.8", "Python 3.10.8 DL"),
        ManagedImage("Python3_6_5", "3.6.5", "Python 3.6.5 (deprecated)"),
    )
}
"""The members of ARM's enum `LanguageExtensionImageName` that are Python and can be a base; the newest first."""

RESERVED_NAMES = frozenset({*(name.lower() for name in MANAGED_IMAGES), "pythoncustomimage", "r"})

_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,61}")
_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|[0-9a-f:]*:[0-9a-f:.]+", re.IGNORECASE)
_VERSION = re.compile(r"3\.[0-9]{1,2}\.[0-9]{1,2}")


def subscription_problem(value: object) -> str:
    """Return the rule a subscription id breaks, or "". Source: common-types v5, SubscriptionIdParameter."""
    if isinstance(value, str) and _SUBSCRIPTION.fullmatch(value):
        return ""
    return f"{excerpt(value)} is no subscription id; it is a UUID like 01234567-89ab-cdef-0123-456789abcdef"


def resource_group_problem(value: object) -> str:
    """Return the rule a resource group name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Resources: 1 to 90 letters, digits, underscores,
    hyphens, periods and parentheses, not ending in a period. Letters of every script are allowed there; look-alikes
    (full-width forms, ligatures) are not allowed here.
    """
    if (
        isinstance(value, str)
        and 1 <= len(value) <= 90
        and all(char.isalnum() or char in "_-.()" for char in value)
        and unicodedata.normalize("NFKC", value) == value
        and not value.endswith(".")
    ):
        return ""
    rule = "1 to 90 letters, digits, '_', '-', '.', '(' and ')', not ending in '.'"
    return f"{excerpt(value)} is no resource group name; it has {rule}"


def cluster_problem(value: object) -> str:
    """Return the rule a cluster name breaks, or "".

    Source: "Naming rules for Azure resources", Microsoft.Kusto: 4 to 22 lowercase letters and digits, the first a
    letter. ARM compares without case, and older clusters may be longer, so this is the wider rule.
    """
    if isinstance(value, str) and _CLUSTER.fullmatch(value):
        return ""
    rule = "2 to 62 letters, digits and '-', the first a letter, and no address"
    return f"{excerpt(value)} is no cluster name; it has {rule}"


def image_name_problem(value: object) -> str:
    """Return the rule an image name breaks, or "".

    The specification allows everything (`^.*$`), and the service's own limits are unknown; this is what it was
    seen to accept (letters, digits, '.', '-', '_'), so that a name is one segment of a path and an argument.
    """
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        rule = "1 to 128 letters, digits, '.', '-' and '_', the first no '.' or '-'"
        return f"{excerpt(value)} is no image name; it has {rule}"
    if value.lower() in RESERVED_NAMES:
        return f"{excerpt(value)} is the name of an image that Azure ships; choose another"
    return ""


def base_image_problem(value: object) -> str:
    """Return the rule a base image name breaks, or "": a managed image or the name of a custom one."""
    if isinstance(value, str):
        managed = next((name for name in MANAGED_IMAGES if name.lower() == value.lower()), None)
        if managed is not None:
            return "" if managed == value else f"{excerpt(value)}: the managed image is spelled {managed}"
    return image_name_problem(value)


def python_version_problem(value: object) -> str:
    """Return the rule a Python version breaks, or "". Which versions the service has is not documented."""
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return ""
    return f"{excerpt(value)} is no full Python version; it is three numbers like 3.10.8"


def endpoint_problem(value: object) -> str:
    """Return the rule a Resource Manager endpoint breaks, or "": https, or http on this machine; only an origin."""
    shape = f"{excerpt(value)} is no endpoint; it is an origin like {CLOUDS['public'].endpoint}"
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
        return f"the endpoint at {host} names a user; it is an origin like {CLOUDS['public'].endpoint}"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return f"{excerpt(value)} is not https (http is for an emulator on this machine only)"
    known = [urlsplit(cloud.endpoint).hostname or "" for cloud in CLOUDS.values()]
    if host not in known and any(name in host for name in known):
        return f"{excerpt(value)} imitates an address of Azure"
    return ""


def is_loopback(host: str) -> bool:
    """Return whether `host` (a name or an address, no brackets) can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster whose images are meant, and the Resource Manager that answers for it.

    `endpoint` is an origin; `scope` the OAuth scope of its tokens, by default the cloud's, or
    `<endpoint>/.default`. Raises InvalidInput with every problem.
    """

    subscription: str
    resource_group: str
    cluster: str
    endpoint: str = CLOUDS["public"].endpoint
    scope: str = ""

    def __post_init__(self) -> None:
        _refuse(
            ("subscription", subscription_problem(self.subscription)),
            ("resource group", resource_group_problem(self.resource_group)),
            ("cluster", cluster_problem(self.cluster)),
            ("endpoint", endpoint_problem(self.endpoint)),
        )
        object.__setattr__(self, "endpoint", self.endpoint.rstrip("/"))
        if not self.scope:
            scopes = {cloud.endpoint: cloud.scope for cloud in CLOUDS.values()}
            object.__setattr__(self, "scope", scopes.get(self.endpoint, f"{self.endpoint}/.default"))

    @property
    def cluster_id(self) -> str:
        """The ARM id of the cluster: the path of every request about it."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Kusto/clusters/{self.cluster}"
        )

    @property
    def place(self) -> str:
        """The cluster as a key: ARM compares names without case."""
        return f"{self.endpoint}{self.cluster_id}".casefold()

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine: an emulator."""
        return is_loopback(urlsplit(self.endpoint).hostname or "")


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What an image shall be: a base and a requirements text.

    Exactly one of `base_image` (a managed image such as "Python3_10_8", or another custom image of the cluster)
    and `python_version` (such as "3.10.8") is given. `allow_index_options` lets lines like `--index-url URL`
    pass; without it only package lines do. Raises InvalidInput with every problem, those of the text with their line.
    """

    requirements: str
    base_image: str | None = None
    python_version: str | None = None
    allow_index_options: bool = field(default=False, compare=False)  # a permission, not a part of the image

    def __post_init__(self) -> None:
        problems = [Problem(field, message) for field, message in self._field_problems() if message]
        problems += requirements_text.problems(self.requirements, allow_index_options=self.allow_index_options)
        if problems:
            raise InvalidInput(problems)

    def _field_problems(self) -> list[tuple[str, str]]:
        if self.base_image is None and self.python_version is None:
            return [("base", "name a base image (--base Python3_10_8) or a Python version (--python 3.10.8)")]
        if self.base_image is not None and self.python_version is not None:
            return [("base", "name a base image or a Python version, not both")]
        if self.base_image is not None:
            return [("base image", base_image_problem(self.base_image))]
        return [("Python version", python_version_problem(self.python_version))]

    def to_body(self) -> bytes:
        """Return the body of the PUT: UTF-8 JSON without blanks, the keys in the order of the reference."""
        properties: dict[str, str] = {"language": LANGUAGE}
        if self.base_image is not None:
            properties["baseImageName"] = self.base_image
        if self.python_version is not None:
            properties["languageVersion"] = self.python_version
        properties["requirementsFileContent"] = self.requirements
        document = {"properties": properties}
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def foundation(self) -> str:
        """The base in words: "Python3_10_8" or "Python 3.10.8"."""
        return self.base_image or f"Python {self.python_version}"


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the service shows it. What an answer leaves out is "".

    `name` is the image's own name, although the service sends "cluster/image"; `language` is in the service's
    varying spelling ("Python" in the answer to a PUT, "PYTHON" later). `state` is `provisioningState`,
    UNREADABLE_STATE where that is there but no word.
    """

    name: str
    language: str = ""
    language_version: str = ""
    base_image: str = ""
    requirements: str = field(default="", repr=False)  # whoever wrote it may have put a password into it
    state: str = ""

    @classmethod
    def from_json(cls, document: object) -> Image:
        """Read an answer's JSON. Raises ValueError when it is no resource (neither an id nor properties)."""
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        properties = document.get("properties")
        if not isinstance(properties, dict):
            if not isinstance(document.get("id"), str):
                raise ValueError("a JSON object, but no resource")
            properties = {}
        name = _shown(document.get("name")) or _shown(document.get("id"))
        return cls(
            name=name.rpartition("/")[2],
            language=_shown(properties.get("language")),
            language_version=_shown(properties.get("languageVersion")),
            base_image=_shown(properties.get("baseImageName")),
            requirements=_text(properties.get("requirementsFileContent")),
            state=_state(properties),
        )

    @property
    def foundation(self) -> str:
        """The base in words: "Python3_10_8", "Python 3.10.8", or "" where the service says neither."""
        return self.base_image or (f"Python {self.language_version}" if self.language_version else "")

    def to_spec(self) -> ImageSpec:
        """Return the spec that would make this image again. Raises InvalidInput where our rules refuse it."""
        return ImageSpec(
            self.requirements,
            base_image=self.base_image or None,
            python_version=None if self.base_image else self.language_version or None,
            allow_index_options=True,
        )

    def is_made_of(self, spec: ImageSpec) -> bool:
        """Return whether the service shows just what `spec` asks: the same base, and the same text byte for byte.

        What it does not show counts as other. The language has one value, which the service writes in two ways.
        """
        same_base = self.base_image.lower() == (spec.base_image or "").lower()
        same_python = bool(spec.base_image) or self.language_version == spec.python_version
        return same_base and same_python and self.requirements == spec.requirements

    def differences(self, spec: ImageSpec) -> tuple[str, ...]:
        """Return the names of what this image has otherwise than `spec` asks: empty when it is the same.

        A property the answer leaves out is no difference: the service need not repeat a base by name. ARM compares
        names without case.
        """
        asked = {
            "base image": ((spec.base_image or "").lower(), self.base_image.lower()),
            "Python version": (spec.python_version or "", self.language_version),
            "requirements": (spec.requirements, self.requirements),
        }
        return tuple(field for field, (want, got) in asked.items() if want and got and want != got)


def _state(properties: Mapping[str, Any]) -> str:
    if "provisioningState" not in properties:
        return ""
    return _text(properties["provisioningState"]) or UNREADABLE_STATE


def _shown(value: Any) -> str:
    """Return a short text of an answer as it can be shown: nothing secret, nothing unseen."""
    return redact(_text(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refuse(*checks: tuple[str, str]) -> None:
    problems = [Problem(field, message) for field, message in checks if message]
    if problems:
        raise InvalidInput(problems)
