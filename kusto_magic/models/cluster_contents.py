"""What is known of the sandboxes of a cluster: the packages of its managed images, and their memory. Values only.

Until something was read from the cluster, Microsoft's documentation is all that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from kusto_magic.models.inventory import Inventory
from kusto_magic.models.managed_packages import LIST_DATE, packages

DEFAULT_MEMORY = 1024
"""Memory of a sandbox in MB if no policy is defined. Source: documentation of the sandbox policy (Hyper-V)."""

MAX_MEMORY = 1024 * 1024
"""Maximum memory of a sandbox in MB that is believed; the documented maximum is 65,536."""

MAX_PACKAGES = 5000
"""Maximum number of packages of a list; an image has some hundred."""

_MAX_LENGTH = 100
"""Maximum number of characters of a name or version."""

_KIND = "PythonExecution"
"""The kind of the sandboxes of python(). Source: documentation of the sandbox policy."""


@dataclass(frozen=True, slots=True)
class BaseList:
    """The packages of a managed image: normalized name (PEP 503) → version.

    `read_at` is when they were read from the cluster, None if they are the documented ones; `python` and `platform` are
    what was read, "" if nothing was.
    """

    image: str
    packages: Mapping[str, str] = field(hash=False)
    read_at: datetime | None = None
    python: str = ""
    platform: str = ""

    @classmethod
    def documented(cls, image: str) -> BaseList:
        """Return the documented packages of a managed image, none for any other name."""
        return cls(image, packages(image))

    @classmethod
    def of_inventory(cls, image: str, inventory: Inventory, read_at: datetime) -> BaseList:
        """Return the packages that a cluster has named; what is not a name or a version is left out."""
        return cls(image, _valid(inventory.packages), read_at, _version(inventory.python), inventory.platform)

    @property
    def source(self) -> str:
        """Where the list comes from: "as documented by Microsoft in 2024-09", "as read from the cluster on …"."""
        if self.read_at is None:
            return f"as documented by Microsoft in {LIST_DATE}"
        return f"as read from the cluster on {self.read_at:%Y-%m-%d}"

    @property
    def label(self) -> str:
        """The image with the source of the list."""
        return f"{self.image} {self.source}"


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """The memory in MB that a sandbox has at most; `read_at` is when that was read, None for the documented default."""

    memory: int = DEFAULT_MEMORY
    read_at: datetime | None = None

    @classmethod
    def of_policy(cls, policies: object, read_at: datetime) -> SandboxPolicy:
        """Parse the value of `.show cluster policy sandbox`: None, or a list. Raises ValueError if it is neither."""
        if policies is None:
            return cls(read_at=read_at)  # the implicit policy
        if not isinstance(policies, list) or not all(isinstance(policy, dict) for policy in policies):
            raise ValueError("not a sandbox policy")
        memory = [policy.get("MaxMemoryMbPerSandbox") for policy in policies if policy.get("SandboxKind") == _KIND]
        return cls(_memory(memory[0]) if memory else DEFAULT_MEMORY, read_at)

    @property
    def source(self) -> str:
        """Where the number comes from."""
        return "by default" if self.read_at is None else f"as read from the cluster on {self.read_at:%Y-%m-%d}"


DEFAULT_POLICY = SandboxPolicy()
"""The policy of a cluster of which nothing was read."""


@dataclass(frozen=True, slots=True)
class ClusterContents:
    """What was read from a cluster: lists of managed images, and its sandbox policy."""

    lists: tuple[BaseList, ...] = ()
    policy: SandboxPolicy = DEFAULT_POLICY

    def base(self, image: str) -> BaseList:
        """Return the packages of a managed image: those that were read, else the documented ones."""
        return next((read for read in self.lists if read.image == image), None) or BaseList.documented(image)

    def with_list(self, read: BaseList) -> ClusterContents:
        """Return the contents with a list that replaces that of the same image."""
        return replace(self, lists=(*(it for it in self.lists if it.image != read.image), read))


NOTHING_READ = ClusterContents()
"""The contents of a cluster of which nothing was read."""


def contents_json(contents: ClusterContents) -> dict[str, Any]:
    """Return contents as JSON."""
    lists = [
        {
            "image": read.image,
            "readAt": read.read_at.isoformat() if read.read_at else None,
            "python": read.python,
            "platform": read.platform,
            "packages": dict(read.packages),
        }
        for read in contents.lists
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
    found = ClusterContents(policy=_policy(policy))
    for each in lists:
        if (read := _list(each)) is not None:
            found = found.with_list(read)
    return found


def _list(document: Any) -> BaseList | None:
    try:
        read_at = datetime.fromisoformat(document["readAt"])
        texts = [document[name] for name in ("image", "python", "platform")]
        image, python, platform = (text for text in texts if isinstance(text, str))
        return BaseList(image, _valid(document["packages"]), read_at, _version(python), platform)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _policy(document: Any) -> SandboxPolicy:
    try:
        return SandboxPolicy(_memory(document["memory"]), datetime.fromisoformat(document["readAt"]))
    except (KeyError, TypeError, ValueError):
        return DEFAULT_POLICY


def _memory(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_MEMORY:
        raise ValueError("not a number of MB")
    return value


def _valid(named: Mapping[str, str]) -> Mapping[str, str]:
    """Return the packages whose names and versions are valid: they become lines of the resolver's input."""
    found = [*named.items()][:MAX_PACKAGES]
    return {name: version for name, version in map(_package, found) if name and version}


def _package(item: tuple[str, str]) -> tuple[str, str]:
    name, version = item
    try:
        is_short = len(name) <= _MAX_LENGTH
        return str(canonicalize_name(name, validate=True)) if is_short else "", _version(version)
    except (InvalidName, TypeError):
        return "", ""


def _version(text: str) -> str:
    """Return a version, "" if it is not a valid one. Raises TypeError for another type."""
    try:
        Version(text)
    except (InvalidVersion, ValueError):  # ValueError: a number of thousands of digits
        return ""
    return text if len(text) <= _MAX_LENGTH else ""
