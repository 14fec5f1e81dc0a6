"""Interrupts of child processes."""

from __future__ import annotations

import signal


def accept_interrupts() -> None:
    """Let a child process receive Ctrl-C, for `preexec_fn`: what a shell runs in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
