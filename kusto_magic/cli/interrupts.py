"""Interrupts of a command: Ctrl-C, and the signal with which pipelines and service managers end a process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object] | int


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM); handled like Ctrl-C."""


@contextmanager
def raising_termination() -> Iterator[None]:
    """Let SIGTERM raise Terminated in the main thread."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    with _handling(signal.SIGTERM, terminate):
        yield


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignore both signals: the command is ending, and what it writes must be complete."""
    with _handling(signal.SIGINT, signal.SIG_IGN), _handling(signal.SIGTERM, signal.SIG_IGN):
        yield


@contextmanager
def _handling(number: signal.Signals, handler: _Handler) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
