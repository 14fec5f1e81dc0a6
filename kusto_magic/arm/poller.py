"""Following one long-running operation until it has ended: when it is asked, and what is made of no answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from kusto_magic.arm import poll_schedule as schedule
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.shared_listing import Rounds
from kusto_magic.arm.transport import Arm
from kusto_magic.errors import FollowTimeout, SignInFailed, Unreachable, UntrustedAddress

ASKED_ITSELF = 120.0
"""Seconds after which an operation is asked itself, whatever the lists of images say."""


async def follow(
    arm: Arm,
    rounds: Rounds,
    operation: Operation,
    *,
    since: float,
    limit: float,
    usual: schedule.Usual | None,
    heard: bool,
    ahead: float = 0.0,
) -> AsyncIterator[Operation]:
    """Yield an operation as it is after each answer, the last one terminal.

    `since` is what the monotonic clock showed when it was begun, or taken up; `limit` is in seconds from then; `heard`
    tells of an earlier answer; `ahead` is how many seconds it had gone on before `since`. Raises what
    `ImagesClient.follow` raises.
    """
    clock = arm.clock
    trusted(arm, operation)
    asked_at = clock.monotonic()
    with rounds.joined(), _counted(arm):
        while not operation.done:
            elapsed = clock.monotonic() - since
            wait = operation.delay
            if wait is None:
                wait = schedule.delay(elapsed + ahead, usual, arm.followed)
            await clock.sleep(max(0.0, min(wait, limit - elapsed)))
            if wait > limit - elapsed:  # and no question before its time
                raise _too_long(operation, limit)
            may_share = operation.delay is None and clock.monotonic() - asked_at < ASKED_ITSELF
            glimpsed = await _glimpsed(rounds, operation, wait) if may_share else None
            if glimpsed is None:
                operation = await _asked(arm, operation, heard)
                asked_at = clock.monotonic()
                heard = heard or not operation.troubles
            else:
                operation = glimpsed
            yield operation


@contextmanager
def _counted(arm: Arm) -> Iterator[None]:
    arm.followed += 1
    try:
        yield
    finally:
        arm.followed -= 1


async def _glimpsed(rounds: Rounds, operation: Operation, waited: float) -> Operation | None:
    """Return an operation as a list of the images shows it at work; None where it is to be asked itself."""
    image = await rounds.look(operation.name, waited)
    return None if image is None else operation.glimpsed(image)


async def _asked(arm: Arm, operation: Operation, heard: bool) -> Operation:
    try:
        response = await arm.send("GET", operation.poll_url, background=True)
    except Unreachable as error:
        return operation.unanswered(error.what)
    except SignInFailed as error:
        if not heard:
            error.operation = operation
            raise
        return operation.unanswered(error.what)  # without a network no token can be had either
    advanced = operation.advance(response)
    return advanced if advanced.poll_url == operation.poll_url else trusted(arm, advanced)


def trusted(arm: Arm, operation: Operation) -> Operation:
    """Return an operation whose address may be asked. Raises UntrustedAddress with one that asks the image."""
    if not operation.done:
        try:
            arm.refuse_elsewhere(operation.poll_url)
        except UntrustedAddress as error:
            error.operation = operation.ask_the_image()
            error.next_step = error.next_step.replace("NAME", operation.name)
            raise
    return operation


def _too_long(operation: Operation, limit: float) -> FollowTimeout:
    after = f"{limit / 3600:g} hours" if limit >= 3600 else f"{limit / 60:.3g} minutes"
    what = f"image {operation.name!r} is still {operation.phase.lower()} after {after}; it goes on in Azure"
    return FollowTimeout(what, operation=operation, next_step=f"%kusto_image attach {operation.name}")
