"""The options of a build."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from kusto_magic.arm import client


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of making an image.

    `check` asks the preflight first; `pin` sends the versions it found; `force` sends also what is there already;
    `queue` waits while another change of the cluster is running; `spare_active` does not replace the image that the
    cluster's python() runs on. `limit` is for how many seconds it is followed.
    """

    check: bool = True
    pin: bool = False
    force: bool = False
    queue: bool = False
    protect_active: bool = False
    timeout: float = client.DEFAULT_TIMEOUT

    def to_string(self) -> str:
        """Return the options that are on, for the history."""
        return " ".join(name for name in _OPTIONS if getattr(self, name))

    @classmethod
    def from_string(cls, words: str, timeout: float) -> Self:
        """Return the options that the history has kept."""
        kept = words.split()
        return cls(**{name: name in kept for name in _OPTIONS}, timeout=timeout)


_OPTIONS = tuple(entry.name for entry in fields(BuildOptions) if entry.name != "timeout")
