"""Files that only their owner can read."""

from __future__ import annotations

import contextlib
from pathlib import Path

OWNER_ONLY = 0o600


def make_private(path: Path) -> None:
    """Create an empty file at `path` if it does not exist, and restrict its permissions to the owner.

    Errors are ignored; opening the file reports them. Windows has no such modes, so the permissions stay unchanged.
    """
    with contextlib.suppress(OSError):
        path.touch(mode=OWNER_ONLY)  # so that the file is private from its first byte
        path.chmod(OWNER_ONLY)  # the file may have been created by a version that did not set the mode
