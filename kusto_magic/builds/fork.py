"""Forked processes: a child has none of the parent's threads, and must not use its database connections."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

from kusto_magic.builds.history import History


class Forked(Protocol):
    """What a fork needs of a build manager."""

    history: History

    def forget_parent(self) -> None:
        """Start without what belongs to the parent, in the child."""
        ...


_managers: WeakSet[Forked] = WeakSet()


def add(manager: Forked) -> None:
    """Prepare a manager for forks, as long as it exists."""
    _managers.add(manager)


def _before() -> None:
    for manager in tuple(_managers):
        manager.history.hold_for_fork()


def _after_in_parent() -> None:
    for manager in tuple(_managers):
        manager.history.release_after_fork()


def _after_in_child() -> None:
    for manager in tuple(_managers):
        manager.forget_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
