"""What waits until the cluster is free: a cluster takes one change at a time, and refuses or fails the second."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from itertools import chain, repeat
from typing import cast

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.clock import Clock
from kusto_magic.errors import Conflict

MIN_DELAY = 2.0
MAX_DELAY = 60.0
GROWTH = 1.5
"""Seconds between two tries, and how they grow: each try is a write, of which a subscription has few."""


async def retry_while_busy(
    begin: Callable[[], AsyncIterator[Operation]], clock: Clock, timeout: float
) -> AsyncIterator[Operation]:
    """Yield what `begin` yields; where it meets another change of the cluster, wait and begin again.

    After `limit` seconds of that the collision stands: Conflict is raised, or the failed operation is the last one.
    """
    end, pause = clock.monotonic() + timeout, MIN_DELAY
    while True:
        last: Operation | None = None
        try:
            async with aclosing(cast(AsyncGenerator[Operation, None], begin())) as going_on:
                async for operation in going_on:
                    last = operation
                    if operation.is_cluster_busy and clock.monotonic() < end:
                        break
                    yield operation
                else:
                    return
        except Conflict:
            if last is None or clock.monotonic() >= end:
                raise
        yield operation_start.queued(last)
        await clock.sleep(pause)
        pause = min(pause * GROWTH, MAX_DELAY)


def first_then(
    first: Callable[[], AsyncIterator[Operation]], later: Callable[[], AsyncIterator[Operation]]
) -> Callable[[], AsyncIterator[Operation]]:
    """Return what begins with `first`, and with `later` at every further try."""
    ways = chain([first], repeat(later))
    return lambda: next(ways)()
