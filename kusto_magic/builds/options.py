"""The options of an operation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Self

from kusto_magic.settings import DEFAULT_TIMEOUT_HOURS

DEFAULT_TIMEOUT = DEFAULT_TIMEOUT_HOURS * 3600
"""Default seconds after which polling stops; the operation itself continues."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of an operation; `check`, `pin` and `force` concern builds only.

    `check` runs the preflight first: on a conflict nothing is sent. `pin` sends the versions that it found instead of
    the given text. `force` sends the image even if it is up to date. `queue` waits while another change of the cluster
    is running. `protect_active` raises InUseError instead of replacing or deleting an image that the cluster's python()
    uses or may use. `timeout` is how many seconds the operation is polled.
    """

    check: bool = True
    pin: bool = False
    force: bool = False
    queue: bool = False
    protect_active: bool = False
    timeout: float = DEFAULT_TIMEOUT

    def to_json(self) -> str:
        """Return the options as stored in the history."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return stored options; unknown ones of a newer version are ignored. Raises ValueError if it is not JSON."""
        stored = json.loads(text or "{}")
        if not isinstance(stored, dict):
            raise ValueError("not a JSON object")
        timeout = stored.get("timeout", DEFAULT_TIMEOUT)
        flags = {name: stored[name] is True for name in _FLAGS if name in stored}
        return cls(**flags, timeout=float(timeout) if isinstance(timeout, int | float) else DEFAULT_TIMEOUT)


_FLAGS = tuple(entry.name for entry in fields(BuildOptions) if entry.name != "timeout")
