"""Following one long-running operation until it has ended: when it is asked, and what is made of no answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from kusto_magic.arm import poll_schedule as schedule
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import PollTimeout, SignInFailed, Unreachable, UntrustedAddress

MAX_LIST_AGE = 120.0
"""Seconds after which an operation is asked itself, whatever the lists of images say."""


async def poll_until_done(
    transport: ArmTransport,
    list_cache: ImageListCache,
    operation: Operation,
    *,
    since: float,
    timeout: float,
    estimate: schedule.DurationEstimate | None,
    has_response: bool,
    already_elapsed: float = 0.0,
) -> AsyncIterator[Operation]:
    """Yield an operation as it is after each answer, the last one terminal.

    `since` is what the monotonic clock showed when it was begun, or taken up; `limit` is in seconds from then; `heard`
    tells of an earlier answer; `ahead` is how many seconds it had gone on before `since`. Raises what
    `ImagesClient.follow` raises.
    """
    clock = transport.clock
    require_trusted_url(transport, operation)
    asked_at = clock.monotonic()
    with list_cache.subscribe(), _count_polled_builds(transport):
        while not operation.done:
            elapsed = clock.monotonic() - since
            wait = operation.delay
            if wait is None:
                wait = schedule.next_delay(elapsed + already_elapsed, estimate, transport.polled_builds)
            await clock.sleep(max(0.0, min(wait, timeout - elapsed)))
            if wait > timeout - elapsed:  # and no question before its time
                raise _timeout_error(operation, timeout)
            may_share = operation.delay is None and clock.monotonic() - asked_at < MAX_LIST_AGE
            glimpsed = await _poll_list(list_cache, operation, wait) if may_share else None
            if glimpsed is None:
                operation = await _poll_once(transport, operation, has_response)
                asked_at = clock.monotonic()
                has_response = has_response or not operation.failed_polls
            else:
                operation = glimpsed
            yield operation


@contextmanager
def _count_polled_builds(transport: ArmTransport) -> Iterator[None]:
    transport.polled_builds += 1
    try:
        yield
    finally:
        transport.polled_builds -= 1


async def _poll_list(list_cache: ImageListCache, operation: Operation, waited: float) -> Operation | None:
    """Return an operation as a list of the images shows it at work; None where it is to be asked itself."""
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
        return operation.with_failed_poll(error.what)  # without a network no token can be had either
    advanced = operation.advance(response)
    return advanced if advanced.poll_url == operation.poll_url else require_trusted_url(transport, advanced)


def require_trusted_url(transport: ArmTransport, operation: Operation) -> Operation:
    """Return an operation whose address may be asked. Raises UntrustedAddress with one that asks the image."""
    if not operation.done:
        try:
            transport.require_same_origin(operation.poll_url)
        except UntrustedAddress as error:
            error.operation = operation.with_image_polling()
            error.next_step = error.next_step.replace("NAME", operation.name)
            raise
    return operation


def _timeout_error(operation: Operation, timeout: float) -> PollTimeout:
    after = f"{timeout / 3600:g} hours" if timeout >= 3600 else f"{timeout / 60:.3g} minutes"
    what = f"image {operation.name!r} is still {operation.phase.lower()} after {after}; it goes on in Azure"
    return PollTimeout(what, operation=operation, next_step=f"%kusto_image attach {operation.name}")
