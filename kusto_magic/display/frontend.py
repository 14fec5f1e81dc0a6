"""Who is before this IPython: a terminal, a notebook with a person, or a notebook that runs by itself."""

from __future__ import annotations

import sys
from typing import Any


def in_kernel(shell: Any) -> bool:
    """Return whether this IPython is a kernel's, which shows html and widgets, and no terminal's."""
    return hasattr(shell, "kernel")


def can_prompt(shell: Any) -> bool:
    """Return whether a person could be asked for something: in a notebook, or in a terminal that is one."""
    return is_interactive(shell) if in_kernel(shell) else sys.stdin is not None and sys.stdin.isatty()


def is_interactive(shell: Any) -> bool:
    """Return whether a person is before the notebook: nbclient, nbconvert and papermill say that they take no input.

    False in a terminal: there is a person, but what changes in the background is not shown there.
    """
    if not in_kernel(shell):
        return False
    content = shell.get_parent().get("content", {})
    return bool(content.get("allow_stdin", True))
