"""Poll a long-running operation until it reaches a terminal state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from kusto_magic.arm import poll_schedule
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import PollTimeout, SignInFailed, Unreachable, UntrustedAddress

MAX_LIST_AGE = 120.0
"""Maximum seconds for which shared lists replace polls of the operation itself."""


async def poll_until_done(
    transport: ArmTransport,
    list_cache: ImageListCache,
    operation: Operation,
    *,
    since: float,
    timeout: float,
    estimate: poll_schedule.DurationEstimate | None,
    has_response: bool,
    already_elapsed: float = 0.0,
) -> AsyncIterator[Operation]:
    """Yield the operation after each response; the last one is terminal.

    `since` is the monotonic time at which the operation was started or resumed, `timeout` the seconds from then after
    which polling stops. `has_response`: the service has already responded, so a failed sign-in is retried instead of
    raised. `already_elapsed` is how many seconds the operation had been running before `since`. Raises the errors of
    `ImagesClient.poll`.
    """
    clock = transport.clock
    require_trusted_url(transport, operation)
    polled_at = clock.monotonic()
    with list_cache.subscribe(), _count_polled_builds(transport):
        while not operation.done:
            elapsed = clock.monotonic() - since
            wait = operation.delay
            if wait is None:
                wait = poll_schedule.next_delay(elapsed + already_elapsed, estimate, transport.polled_builds)
            await clock.sleep(max(0.0, min(wait, timeout - elapsed)))  # not past the timeout
            if wait > timeout - elapsed:  # the next poll is not due before the timeout
                raise _timeout_error(operation, timeout)
            # A list replaces only polls timed by the schedule, not those after a Retry-After or a backoff.
            may_share = operation.delay is None and clock.monotonic() - polled_at < MAX_LIST_AGE
            listed = await _poll_list(list_cache, operation, wait) if may_share else None
            if listed is None:
                operation = await _poll_once(transport, operation, has_response)
                polled_at = clock.monotonic()
                # After a first success, a failed sign-in is an outage.
                has_response = has_response or not operation.failed_polls
            else:
                operation = listed
            yield operation


@contextmanager
def _count_polled_builds(transport: ArmTransport) -> Iterator[None]:
    transport.polled_builds += 1
    try:
        yield
    finally:
        transport.polled_builds -= 1


async def _poll_list(list_cache: ImageListCache, operation: Operation, waited: float) -> Operation | None:
    """Return the operation as the shared list shows it, or None if it must be polled itself."""
    image = await list_cache.get(operation.name, waited)
    return None if image is None else operation.with_listed_state(image)


async def _poll_once(transport: ArmTransport, operation: Operation, has_response: bool) -> Operation:
    try:
        response = await transport.send("GET", operation.poll_url, background=True)
    except Unreachable as error:
        return operation.with_failed_poll(error.what)
    except SignInFailed as error:
        if not has_response:
            error.operation = operation
            raise
        return operation.with_failed_poll(error.what)  # a network outage affects the sign-in as well
    advanced = operation.advance(response)
    return advanced if advanced.poll_url == operation.poll_url else require_trusted_url(transport, advanced)


def require_trusted_url(transport: ArmTransport, operation: Operation) -> Operation:
    """Return the operation if its URL may be polled.

    Raises UntrustedAddress, which carries the operation with the image as its poll target.
    """
    if not operation.done:
        try:
            transport.require_same_origin(operation.poll_url)
        except UntrustedAddress as error:
            error.operation = operation.with_image_polling()
            error.next_step = error.next_step.replace("NAME", operation.name)  # the transport does not know it
            raise
    return operation


def _timeout_error(operation: Operation, timeout: float) -> PollTimeout:
    after = f"{timeout / 3600:g} hours" if timeout >= 3600 else f"{timeout / 60:.3g} minutes"
    what = f"image {operation.name!r} is still {operation.phase.lower()} after {after}; it continues in Azure"
    return PollTimeout(what, operation=operation, next_step=f"%kusto_image attach {operation.name}")
