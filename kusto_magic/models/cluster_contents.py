"""What is known of the sandboxes of a cluster: the packages of its managed images, and their memory. Values only.

Until something was read from the cluster, Microsoft's documentation is all that is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from kusto_magic.models.inventory import Inventory
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.managed_packages import LIST_DATE, packages

DEFAULT_MEMORY = 1024
"""Memory of a sandbox in MB if no policy is defined. Source: documentation of the sandbox policy (Hyper-V)."""

MEGABYTE = 1024 * 1024
"""Bytes of a MB of the sandbox policy."""

MAX_MEMORY = 1024 * 1024
"""Maximum accepted memory of a sandbox in MB; the documented maximum is 65,536."""

MAX_PACKAGES = 2000
"""Maximum number of packages of a list; an image has a few hundred."""

MAX_LENGTH = 100
"""Maximum number of characters of a name or version."""

_KIND = "PythonExecution"
"""The kind of the sandboxes of python(). Source: documentation of the sandbox policy."""

_PYTHON = re.compile(r"\d{1,2}\.\d{1,2}\.\d{1,2}")
_LONG_NUMBER = re.compile(r"\d{19}")  # the resolver's numbers have 64 bits


@dataclass(frozen=True, slots=True)
class BaseList:
    """The packages of a managed image: normalized name (PEP 503) → version, and its Python version ("" if unknown).

    `read_at` is when they were read from the cluster, None if they are the documented ones; `platform` is what was
    read, and `left_out` the number of packages that were read but have no valid name or version.
    """

    image: str
    packages: Mapping[str, str] = field(hash=False)
    read_at: datetime | None = None
    python: str = ""
    platform: str = ""
    left_out: int = 0

    @classmethod
    def documented(cls, image: str) -> BaseList:
        """Return the documented packages of a managed image, none for any other name."""
        return cls(image, packages(image), python=_documented_python(image))

    @classmethod
    def of_inventory(cls, image: str, inventory: Inventory, read_at: datetime) -> BaseList:
        """Return the packages that a cluster has named; what is not a name or a version is left out.

        Raises ValueError if there are none, or if the Python version cannot be that of the image.
        """
        found = _valid(inventory.packages)
        documented = _documented_python(image)
        if not found or not _PYTHON.fullmatch(inventory.python) or _minor(inventory.python) != _minor(documented):
            raise ValueError(f"not the packages of image {image}")
        left_out = len(inventory.packages) - len(found)
        return cls(image, found, read_at, inventory.python, inventory.platform, left_out)

    @property
    def source(self) -> str:
        """Where the list comes from: "as documented by Microsoft in 2024-09", "as read from the cluster on …"."""
        return _as_read(self.read_at) or f"as documented by Microsoft in {LIST_DATE}"

    @property
    def label(self) -> str:
        """The image with the source of the list."""
        return f"{self.image} {self.source}"


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """Maximum memory of a sandbox in MB; `read_at` is when it was read, None for the documented default."""

    memory: int = DEFAULT_MEMORY
    read_at: datetime | None = None

    @classmethod
    def of_policy(cls, policies: object, read_at: datetime) -> SandboxPolicy:
        """Parse the value of `.show cluster policy sandbox`: None, or a list. Raises ValueError if it is neither."""
        if policies is None:
            return cls(read_at=read_at)  # the implicit policy
        if not isinstance(policies, list) or not all(isinstance(policy, dict) for policy in policies):
            raise ValueError("not a sandbox policy")
        policy: Mapping[str, Any] = next((policy for policy in policies if policy.get("SandboxKind") == _KIND), {})
        return cls(_memory(policy.get("MaxMemoryMbPerSandbox", DEFAULT_MEMORY)), read_at)

    @property
    def source(self) -> str:
        """Where the number comes from: "by default", "as read from the cluster on …"."""
        return _as_read(self.read_at) or "by default"


DEFAULT_POLICY = SandboxPolicy()
"""The policy of a cluster of which nothing was read."""


def _as_read(read_at: datetime | None) -> str:
    return f"as read from the cluster on {read_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if read_at else ""


def _documented_python(image: str) -> str:
    return MANAGED_IMAGES[image].python if image in MANAGED_IMAGES else ""


def _minor(python: str) -> str:
    return python.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class ClusterContents:
    """What was read from a cluster: lists of managed images, and its sandbox policy."""

    lists: tuple[BaseList, ...] = ()
    policy: SandboxPolicy = DEFAULT_POLICY

    def base(self, image: str) -> BaseList:
        """Return the packages of a managed image: those that were read, else the documented ones."""
        return next((read for read in self.lists if read.image == image), None) or BaseList.documented(image)

    def updated(self, newer: ClusterContents) -> ClusterContents:
        """Return the contents with those of `newer` that were read later."""
        lists = {read.image: read for read in self.lists}
        for read in newer.lists:
            if read.image not in lists or _is_later(read.read_at, lists[read.image].read_at):
                lists[read.image] = read
        is_later = _is_later(newer.policy.read_at, self.policy.read_at)
        return ClusterContents(tuple(lists.values()), newer.policy if is_later else self.policy)

    def without(self, image: str) -> ClusterContents:
        """Return the contents without the list of an image."""
        return replace(self, lists=tuple(read for read in self.lists if read.image != image))


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one >= other)


NOTHING_READ = ClusterContents()
"""The contents of a cluster of which nothing was read."""


def contents_json(contents: ClusterContents) -> dict[str, Any]:
    """Return contents as JSON; only what was read is part of it."""
    lists = [
        {
            "image": read.image,
            "readAt": read.read_at.isoformat(),
            "python": read.python,
            "platform": read.platform,
            "leftOut": read.left_out,
            "packages": dict(read.packages),
        }
        for read in contents.lists
        if read.read_at is not None
    ]
    read_at = contents.policy.read_at
    policy = {"memory": contents.policy.memory, "readAt": read_at.isoformat()} if read_at else None
    return {"lists": lists, "policy": policy}


def contents_from_json(document: Any) -> ClusterContents:
    """Return the contents of a JSON document; what is not valid in it is ignored."""
    try:
        lists, policy = [*document["lists"]], document["policy"]
    except (KeyError, TypeError):
        return NOTHING_READ
    read = tuple(found for each in lists if (found := _list(each)) is not None)
    return NOTHING_READ.updated(ClusterContents(read, _policy(policy)))


def _list(document: Any) -> BaseList | None:
    try:
        read_at = _time(document["readAt"])
        texts = [document[name] for name in ("image", "python", "platform")]
        image, python, platform = (text for text in texts if isinstance(text, str))
        read = BaseList.of_inventory(image, Inventory(python, platform, document["packages"]), read_at)
        return replace(read, left_out=int(document["leftOut"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _policy(document: Any) -> SandboxPolicy:
    try:
        return SandboxPolicy(_memory(document["memory"]), _time(document["readAt"]))
    except (KeyError, TypeError, ValueError):
        return DEFAULT_POLICY


def _time(text: Any) -> datetime:
    """Parse a time. Raises TypeError, or ValueError if it has no time zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a time zone")
    return found


def _memory(value: Any) -> int:
    """Return a number of MB. Raises ValueError for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value != value // 1 or not 0 < value <= MAX_MEMORY:
        raise ValueError("not a number of MB")
    return int(value)


def _valid(named: Mapping[str, str]) -> Mapping[str, str]:
    """Return the packages whose names and versions are valid: they become input of the resolver."""
    found = ((_name(name), _version(version)) for name, version in named.items())
    return dict(islice(((name, version) for name, version in found if name and version), MAX_PACKAGES))


def _name(text: str) -> str:
    """Return a normalized name, "" if it is not a valid one. Raises TypeError for another type."""
    try:
        return str(canonicalize_name(text, validate=True)) if len(text) <= MAX_LENGTH else ""
    except InvalidName:
        return ""


def _version(text: str) -> str:
    """Return a version, "" if the resolver does not accept it. Raises TypeError for another type."""
    if len(text) > MAX_LENGTH or text != text.strip() or _LONG_NUMBER.search(text):
        return ""
    try:
        Version(text)
    except InvalidVersion:
        return ""
    return text
