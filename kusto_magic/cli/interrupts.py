"""Interrupts of a command: Ctrl-C, and the signal with which pipelines and service managers end a process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM); handled like Ctrl-C."""


@contextmanager
def raising_termination() -> Iterator[None]:
    """Let SIGTERM raise Terminated in the main thread."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
