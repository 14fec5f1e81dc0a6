"""Retries while a cluster is busy: it accepts one change at a time, and rejects or fails a second one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from kusto_magic.arm import operation_start
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.operation_start import NOTE_BUSY
from kusto_magic.clock import Clock
from kusto_magic.errors import ConflictError
from kusto_magic.models.build_state import BuildState

Attempt = Callable[[], AsyncIterator[Operation]]
"""Function that sends an operation and yields its states."""

MIN_DELAY = 2.0
"""Seconds before the first retry."""

MAX_DELAY = 60.0
"""Maximum seconds between two attempts: each one is a write, for which the rate limits of a subscription are low."""

GROWTH = 1.5
"""Factor by which the delay grows with each attempt."""


async def retry_while_busy(first: Attempt, later: Attempt, clock: Clock, timeout: float) -> AsyncIterator[Operation]:
    """Yield the operations of `first`; while the cluster is busy with another change, wait, and start `later`.

    Only ConflictError means busy: other refusals are raised at once. After `timeout` seconds there are no more retries:
    ConflictError is raised, or the failed operation is the last one.
    """
    end, delay, start, waited = clock.monotonic() + timeout, MIN_DELAY, first, False
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
                    is_confirmed = is_confirmed or operation.state is not BuildState.SUBMITTING
                else:
                    return
        except ConflictError:
            if last is None or clock.monotonic() >= end:
                raise
        yield operation_start.queued(last)
        await clock.sleep(delay)
        start, waited, delay = later, True, min(delay * GROWTH, MAX_DELAY)
