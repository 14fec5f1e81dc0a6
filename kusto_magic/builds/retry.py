"""Retries while a cluster is busy: it accepts one change at a time, and rejects or fails a second one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import chain, repeat
from typing import cast

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import NOTE_BUSY
from kusto_magic.clock import Clock
from kusto_magic.errors import Conflict
from kusto_magic.models.action import Phase

MIN_DELAY = 2.0
"""Seconds before the first retry."""

MAX_DELAY = 60.0
"""Maximum seconds between two attempts: each one is a write, for which the rate limits of a subscription are low."""

GROWTH = 1.5
"""Factor by which the delay grows with each attempt."""


async def retry_while_busy(
    start: Callable[[], AsyncIterator[Operation]], clock: Clock, timeout: float
) -> AsyncIterator[Operation]:
    """Yield the operations of `start`; while the cluster is busy with another change, wait and start again.

    Only Conflict means busy: other refusals are raised at once. After `timeout` seconds there are no more retries:
    Conflict is raised, or the failed operation is the last one.
    """
    end, delay, waited = clock.monotonic() + timeout, MIN_DELAY, False
    while True:
        last: Operation | None = None
        is_confirmed = not waited
        try:
            # Closed explicitly: the `break` below would leave an open generator to the garbage collector.
            async with aclosing(cast(AsyncGenerator[Operation, None], start())) as attempt:
                async for operation in attempt:
                    last = operation
                    if operation.is_cluster_busy and clock.monotonic() < end:
                        break
                    # Not before the first poll, at which an accepted request fails if the cluster is busy: its state
                    # would flicker at each attempt.
                    yield operation if is_confirmed else replace(operation, retrying=True, note=NOTE_BUSY)
                    is_confirmed = is_confirmed or operation.phase is not Phase.SUBMITTING
                else:
                    return
        except Conflict:
            if last is None or clock.monotonic() >= end:
                raise
        yield operation_start.queued(last)
        waited = True
        await clock.sleep(delay)
        delay = min(delay * GROWTH, MAX_DELAY)


def first_then(
    first: Callable[[], AsyncIterator[Operation]], later: Callable[[], AsyncIterator[Operation]]
) -> Callable[[], AsyncIterator[Operation]]:
    """Return a function that calls `first` the first time and `later` at every retry."""
    attempts = chain([first], repeat(later))
    return lambda: next(attempts)()
