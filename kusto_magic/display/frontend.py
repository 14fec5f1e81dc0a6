"""Detection of the front end: terminal, interactive notebook or headless run."""

from __future__ import annotations

import sys
from typing import Any


def in_kernel(shell: Any) -> bool:
    """Return whether IPython runs in a kernel, whose front end shows HTML and widgets, not in a terminal."""
    return hasattr(shell, "kernel")


def can_prompt(shell: Any) -> bool:
    """Return whether the user can be prompted: in an interactive notebook, or in a real terminal."""
    # stdin is None in a process without a console, e.g. pythonw on Windows.
    return is_interactive(shell) if in_kernel(shell) else sys.stdin is not None and sys.stdin.isatty()


def updates_outputs(shell: Any) -> bool:
    """Return whether the front end shows changes of an output after its cell has ended.

    False for jupyter console and qtconsole, which show only text.
    """
    if not in_kernel(shell):
        return False
    request = shell.get_parent()
    header = request.get("header", {})
    # Notebooks name the cell. Front ends in Python use jupyter_client: its message ids begin with the session.
    is_text = str(header.get("msg_id", "")).startswith(f"{header.get('session', '')}_")
    return "cellId" in request.get("metadata", {}) or not is_text


def is_interactive(shell: Any) -> bool:
    """Return whether the notebook is interactive. False in a terminal, which does not show background changes."""
    if not in_kernel(shell):
        return False
    # nbclient, nbconvert and papermill send allow_stdin=False with each execute request.
    content = shell.get_parent().get("content", {})
    return bool(content.get("allow_stdin", True))
