"""Files that only their owner can read."""

from __future__ import annotations

import contextlib
from pathlib import Path

OWNER_ONLY = 0o600


def make_private(path: Path) -> None:
    """Make an empty file at `path` if there is none, and take the rights of all others away.

    Where that cannot be done, whoever opens the file next says why. Windows has no such modes: there it stays as it is.
    """
    with contextlib.suppress(OSError):
        path.touch(mode=OWNER_ONLY)
        path.chmod(OWNER_ONLY)  # it may be there already, made by a version that did not care
