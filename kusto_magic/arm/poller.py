"""Poll a long-running operation until it reaches a terminal state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime

from kusto_magic.arm import operation_start, poll_schedule
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.shared_listing import ImageListCache
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.clock import Clock
from kusto_magic.errors import PollTimeoutError, SignInError, UnreachableError, UntrustedAddressError
from kusto_magic.hints import Hint, HintKind

MAX_AGE_RATIO = 0.5
"""Maximum age of a shared list, as a share of the seconds that the build has waited since its last poll."""

MAX_LIST_AGE = 120.0
"""Maximum seconds for which shared lists replace polls of the operation itself."""

MIN_SUSPENSION = 120.0
"""Seconds without a poll, beyond its delay, that count as a suspension of the machine; a request takes a minute."""

SUSPENSION_EXTENSION = 60.0
"""Maximum seconds for which polling continues after a suspension has outlasted the timeout."""


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
    which polling stops; if this machine was suspended then, it stops after one more response. `has_response`: the
    service has already responded, so a failed sign-in is retried instead of raised. `already_elapsed` is how many
    seconds the operation had been running before `since`. Raises the errors of `ImagesClient.poll`.
    """
    clock = transport.clock
    end, polled_at, is_extended, last = since + timeout, clock.monotonic(), False, _LastPoll(clock)
    with list_cache.subscribe(), _count_polled_builds(transport):
        while not operation.done:
            now = clock.monotonic()
            wait = operation.delay
            if wait is None:
                elapsed = now - since + already_elapsed
                wait = poll_schedule.next_delay(elapsed, estimate, transport.polled_builds)
            await clock.sleep(max(0.0, min(wait, end - now)))
            if wait > end - now:  # the next poll is not due before the timeout
                if not last.was_suspended(min(wait, end - now)):
                    raise _timeout_error(operation, timeout, last.answered_at)
                # The operation may have ended while this machine was asleep: ask once more, until there is an answer.
                end, is_extended = clock.monotonic() + SUSPENSION_EXTENSION, True
            last.sent()
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
            if not operation.failed_polls:
                last.answered_at = clock.wall()
                end = clock.monotonic() if is_extended else end
            yield operation


class _LastPoll:
    """When the last poll was sent, and when the last usable response arrived (UTC)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answered_at = clock.wall()
        self.sent()

    def sent(self) -> None:
        """Note that a poll is sent now."""
        self._sent_at = (self._clock.monotonic(), self._clock.wall())

    def was_suspended(self, wait: float) -> bool:
        """Return whether much more time has passed since the last poll than `wait` and a request can explain."""
        # Both clocks: during a suspension, the monotonic one continues on Windows and stops on Linux.
        monotonic, wall = self._sent_at
        gap = max(self._clock.monotonic() - monotonic, (self._clock.wall() - wall).total_seconds())
        return gap > max(wait, 0.0) + MIN_SUSPENSION


@contextmanager
def _count_polled_builds(transport: ArmTransport) -> Iterator[None]:
    transport.polled_builds += 1
    try:
        yield
    finally:
        transport.polled_builds -= 1


async def _poll_list(list_cache: ImageListCache, operation: Operation, waited: float) -> Operation | None:
    """Return the operation as the shared list shows it, or None if it must be polled itself."""
    image = await list_cache.get(operation.name, MAX_AGE_RATIO * waited)
    return None if image is None else operation.with_listed_state(image)


async def _poll_once(transport: ArmTransport, operation: Operation, has_response: bool) -> Operation:
    try:
        return operation.advance(await transport.send("GET", operation.poll_url, background=True))
    except UnreachableError as error:
        return operation.with_failed_poll(error.what)
    except SignInError as error:
        if not has_response:
            error.operation = operation
            raise
        return operation.with_failed_poll(error.what)  # a network outage affects the sign-in as well
    except UntrustedAddressError as error:  # a stored URL, or one that the response names
        raise operation_start.with_image(error, operation) from None


def _timeout_error(operation: Operation, timeout: float, answered_at: datetime) -> PollTimeoutError:
    after = duration_text(timeout)
    what = f"image {operation.name!r} is still {operation.state.lower()} after {after}; it continues in Azure"
    if operation.failed_polls:  # then its state is not known
        silence = f"no usable response since {answered_at:%Y-%m-%d %H:%M} UTC ({operation.poll_error})"
        what = f"image {operation.name!r}: {silence}; polling ended after {after}, the operation may still be running"
    hint = Hint(HintKind.RESUME, operation.name)
    return PollTimeoutError(what, operation=operation, fault=operation._refusal, hint=hint)


def duration_text(seconds: float) -> str:
    """Return a time limit as text: "4 hours", "5 minutes", "30 seconds"."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"
