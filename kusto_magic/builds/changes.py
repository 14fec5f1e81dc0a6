"""Deleting an image, and switching python() on and off: what is asked before, and every try."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Action, Operation
from kusto_magic.builds.actions import How
from kusto_magic.builds.retry import until_free
from kusto_magic.models.cluster import PYTHON


async def change(it: ImagesClient, action: Action, name: str, how: How) -> AsyncIterator[Operation]:
    """Yield the operations of deleting, enabling or disabling; of `How` queue, spare_active and limit count."""
    if how.spare_active and action is Action.DELETE:
        await it.refuse_active(name)
    sending = partial(attempt, it, action, name, how.limit)
    async for operation in until_free(sending, it.clock, how.limit) if how.queue else sending():
        yield operation


def attempt(it: ImagesClient, action: Action, name: str, limit: float) -> AsyncIterator[Operation]:
    """Return the operations of one try."""
    if action is Action.DELETE:
        return it.delete(name, limit=limit)
    if action is Action.ENABLE:
        return it.enable(name, limit=limit)
    return it.disable("" if name == PYTHON else name, limit=limit)
