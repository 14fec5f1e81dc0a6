"""The options of a build."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from kusto_magic.arm import client


@dataclass(frozen=True, slots=True)
class How:
    """The options of making an image.

    `check` asks the preflight first; `pin` sends the versions it found; `force` sends also what is there already;
    `queue` waits while another change of the cluster is running; `spare_active` does not replace the image that the
    cluster's python() runs on. `limit` is for how many seconds it is followed.
    """

    check: bool = True
    pin: bool = False
    force: bool = False
    queue: bool = False
    spare_active: bool = False
    limit: float = client.FOLLOW_LIMIT

    def words(self) -> str:
        """Return the options that are on, for the history."""
        return " ".join(name for name in _OPTIONS if getattr(self, name))

    @classmethod
    def of(cls, words: str, limit: float) -> Self:
        """Return the options that the history has kept."""
        kept = words.split()
        return cls(**{name: name in kept for name in _OPTIONS}, limit=limit)


_OPTIONS = tuple(entry.name for entry in fields(How) if entry.name != "limit")
