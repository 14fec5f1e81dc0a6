"""The options of a build."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from kusto_magic.arm import client


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of a build.

    `check` runs the preflight first; `pin` sends the versions that it found; `force` sends the image even if it is up
    to date; `queue` waits while another change of the cluster is running; `protect_active` raises InUse instead of
    replacing an image that the cluster's python() uses or may use. `timeout` is how many seconds the build is polled.
    """

    check: bool = True
    pin: bool = False
    force: bool = False
    queue: bool = False
    protect_active: bool = False
    timeout: float = client.DEFAULT_TIMEOUT

    def to_string(self) -> str:
        """Return the names of the enabled options, as stored in the history."""
        return " ".join(name for name in _OPTIONS if getattr(self, name))

    @classmethod
    def from_string(cls, names: str, timeout: float) -> Self:
        """Return the options whose names are stored in the history."""
        enabled = names.split()
        return cls(**{name: name in enabled for name in _OPTIONS}, timeout=timeout)


# The process that polls sets its own timeout.
_OPTIONS = tuple(entry.name for entry in fields(BuildOptions) if entry.name != "timeout")
