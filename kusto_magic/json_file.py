"""A small JSON file of the user, which is replaced as a whole: another process reads either the old or the new one."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

MAX_SIZE = 4 * 1024 * 1024
"""Maximum size of a file in bytes."""


def read_json(path: Path) -> Any:
    """Return the value of a file; None if it is missing, too large or not JSON, such as one that was edited."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(MAX_SIZE))
    except (OSError, ValueError, RecursionError):
        return None


def replace_json(path: Path, document: Any) -> None:
    """Replace a file by one that only its owner can read; its folder is created. Raises OSError.

    What `read_json` would not read is not written.
    """
    content = json.dumps(document, indent=1).encode()
    if len(content) > MAX_SIZE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        new.replace(path)
    except BaseException:  # also an interrupt
        new.unlink(missing_ok=True)
        raise
