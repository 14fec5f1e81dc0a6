"""The options of an operation."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Self

from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.settings import DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of an operation; `check`, `pin` and `force` concern builds only.

    `check` runs the preflight first: on a conflict nothing is sent. `pin` sends the versions that it found instead of
    the given text. `fix` sends the correction that the preflight proposes for a conflict, if there is one. `force`
    sends the image even if it is up to date. `queue` waits while another change of the cluster is running.
    `protect_active` raises InUseError instead of replacing or deleting an image that the cluster's python()
    uses or may use. `timeout` is how many seconds the operation is polled. Raises
    InvalidInputError if that is not a positive number.
    """

    check: bool = True
    pin: bool = False
    fix: bool = False
    force: bool = False
    queue: bool = False
    protect_active: bool = False
    timeout: float = DEFAULT_TIMEOUT

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise InvalidInputError([Problem("timeout", "must be a positive number of seconds")])

    def to_json(self) -> str:
        """Return the options as stored in the history, without the timeout: the process that polls sets its own."""
        return json.dumps({name: getattr(self, name) for name in _FLAGS}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return stored options; unknown ones of a newer version are ignored.

        Version 4 of the history, which a running process may still write, has the names of the options that are set.
        """
        try:
            stored = json.loads(text)
        except ValueError:
            stored = {name: name in text.split() for name in _FLAGS}
        return cls(**{name: stored[name] is True for name in _FLAGS if name in stored})


_FLAGS = tuple(entry.name for entry in fields(BuildOptions) if entry.name != "timeout")
