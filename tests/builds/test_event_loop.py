"""Waits of a thread for the background loop."""

from __future__ import annotations

import pytest

from kusto_magic.builds.event_loop import interruptible


def _released_twice(interrupt: type[BaseException]) -> None:
    """Raise what Python raises if an interrupt comes while a lock is acquired again."""
    try:
        raise interrupt
    finally:
        raise RuntimeError("release unlocked lock")


def test_interrupt_that_python_replaces_by_an_error_is_raised() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        _released_twice(KeyboardInterrupt)


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="release unlocked lock"), interruptible():
        _released_twice(ValueError)
