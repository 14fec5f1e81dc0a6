"""Resume builds that were started earlier or by another process. Nothing is sent, unless `send` is set.

An operation that was never sent, or whose request may not have arrived, is sent again only if the user asks for it
(`BuildManager.attach(…, send=True)`): the image may be another user's by now.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import lru_cache, partial

from kusto_magic.arm import operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import Protect, repeat_change
from kusto_magic.builds.build import Build, ended_elsewhere
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.retry import first_then, retry_while_busy
from kusto_magic.errors import InvalidInput, NotFound, NotSubmitted, OutcomeUnknown, PollTimeout, UnexpectedState
from kusto_magic.models.action import NOT_STARTED, NOT_SUBMITTED, WORKING_PHASES, Action, Phase
from kusto_magic.models.image import Image, ImageSpec

PROCESS_ENDED = "process ended"
"""Part of the message of every record whose process ended before the service confirmed the operation."""

WATCH_INTERVAL = 1.0
"""Seconds between two reads of the record of an operation that another process is about to send."""


async def resume_build(
    client: ImagesClient,
    build: Build,
    record: BuildRecord,
    options: BuildOptions,
    protect: Protect,
    *,
    send: bool = False,
) -> AsyncIterator[Operation]:
    """Yield the operations of a recorded build whose owner has ended.

    `send`: the user has asked to send it again if it fails because the cluster is busy; otherwise this only reads.
    Raises NotSubmitted, OutcomeUnknown and the errors of polling.
    """
    if record.state in NOT_SUBMITTED:
        raise _not_submitted(record, "was not sent: its process ended before")
    poll = _settle if record.state == Phase.SUBMITTING else _poll_recorded
    attempt = partial(poll, client, build, record, options.timeout)
    if send and options.queue:
        again = first_then(attempt, partial(repeat_change, client, build, options, protect))
        attempt = partial(retry_while_busy, again, client.clock, options.timeout)
    try:
        async for operation in attempt():
            if operation.is_cluster_busy and options.queue and not send:  # its process would have sent it again
                raise _not_submitted(record, "was not carried out: the cluster was busy, and its process ended")
            yield operation
    except UnexpectedState as error:
        # For instance, another user has deleted or replaced the image: what came of this will never be known.
        what = f"the outcome of the {record.action} of image {record.image!r} is unknown; {error.what}"
        raise OutcomeUnknown(what, next_step=error.next_step) from None


async def watch_build(
    client: ImagesClient,
    build: Build,
    read_record: Callable[[], Awaitable[BuildRecord | None]],
    options: BuildOptions,
    protect: Protect,
) -> AsyncIterator[Operation]:
    """Yield the operations of a build that another process owns: as recorded until it is sent, then as polled.

    `read_record` returns the current record, and sets `build.owned` if its owner has ended and this process now owns
    it. Raises EndedElsewhere if the owner ends it before it is sent, and the errors of `resume_build`.
    """
    end = client.clock.monotonic() + options.timeout
    while (record := await read_record()) is not None and record.ended_at is None:
        if build.owned:
            async for operation in resume_build(client, build, record, options, protect):
                yield operation
            return
        if record.state not in NOT_STARTED:
            async for operation in _poll_recorded(client, build, record, options.timeout):
                if operation.is_cluster_busy and options.queue:
                    break  # its owner sends it again
                yield operation
            else:
                return
        if client.clock.monotonic() >= end:
            what = f"the {build.action.value} of image {build.name!r} is still not submitted by another process"
            raise PollTimeout(what, operation=_unsent(build), next_step="%kusto_image status shows the operations.")
        note = "another process on this machine is about to send this"
        phase = Phase(record.state) if record.state in NOT_STARTED else Phase.QUEUED
        yield replace(_unsent(build), phase=phase, note=note)
        await client.clock.sleep(WATCH_INTERVAL)
    raise ended_elsewhere(build, _unsent(build), record.state if record is not None else "")


async def poll_image(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Yield the operations of an image without a record. Raises NotFound if it does not exist."""
    await client.get(name)
    async for operation in client.poll(
        operation_start.resume_named(client.target, Action.BUILD, name), timeout=timeout
    ):
        yield operation


async def _poll_recorded(
    client: ImagesClient, build: Build, record: BuildRecord, timeout: float
) -> AsyncIterator[Operation]:
    resumed = operation_start.resume_named(client.target, build.action, record.image, record.operation_url, build.spec)
    yield resumed
    # A lower bound: the record is written when the phase or the URL changes, and when polling stops.
    started = record.last_response_at if record.state == Phase.BUILDING else None
    elapsed = max(0.0, (client.clock.wall() - started).total_seconds()) if started else 0.0
    estimated = client.with_options(estimate=build.estimate, already_elapsed=elapsed)
    async for operation in estimated.poll(resumed, timeout=timeout):
        yield operation


# ── requests whose process ended before the response ────────────────────────────────────────────────────────────────


async def _settle(client: ImagesClient, build: Build, record: BuildRecord, timeout: float) -> AsyncIterator[Operation]:
    """Yield the operations that the service shows as those of the request. Raises OutcomeUnknown."""
    resumed = operation_start.resume_named(client.target, build.action, record.image, "", build.spec)
    if build.action in (Action.BUILD, Action.DELETE):
        image = await _image_or_none(client, record.image)
        if image is None and build.action is Action.DELETE:
            yield replace(resumed, phase=Phase.SUCCEEDED, note="the image does not exist")
            return
        if image is None or not _is_outcome(image, build):
            raise _unknown(record, _description(image))
    try:
        async for operation in client.with_options(estimate=build.estimate).poll(resumed, timeout=timeout):
            yield operation
    except UnexpectedState as error:
        raise _unknown(record, error.what) from None


async def _image_or_none(client: ImagesClient, name: str) -> Image | None:
    try:
        return await client.get(name)
    except NotFound:
        return None


def _is_outcome(image: Image, build: Build) -> bool:
    """Return whether the image is what the request would have led to."""
    if build.action is Action.DELETE:
        return image.state.lower() == "deleting"
    return build.spec is not None and image.matches(build.spec)


def _description(image: Image | None) -> str:
    if image is None:
        return "there is no such image"
    return f"the image exists, with other content or by another request (state {image.state or 'Succeeded'})"


def _not_submitted(record: BuildRecord, why: str) -> NotSubmitted:
    return NotSubmitted(f"the {record.action} of image {record.image!r} {why}", next_step=_send_again(record))


def _unknown(record: BuildRecord, found: str) -> OutcomeUnknown:
    what = f"whether the {record.action} request for {record.image!r} arrived is unknown: its process ended; {found}"
    return OutcomeUnknown(what, next_step=_send_again(record))


def _send_again(record: BuildRecord) -> str:
    name = shlex.quote(record.image)
    return f"Check it with %kusto_image show {name}; if it is still wanted, %kusto_image attach {name} --send sends it."


def _unsent(build: Build) -> Operation:
    return operation_start.submitting(build.action, "", build.spec)


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def can_be_sent(record: BuildRecord) -> bool:
    """Return whether a recorded operation is complete enough to be sent (again)."""
    return record.action in WORKING_PHASES and (record.action != Action.BUILD or spec_from_record(record) is not None)


def is_unconfirmed(record: BuildRecord) -> bool:
    """Return whether the process of an operation ended before the service confirmed it.

    Not if the operation was refused before it was sent, for instance because its packages conflict.
    """
    if record.ended_at is None:
        return record.state in NOT_STARTED
    return record.state in {"Not submitted", "Unknown"} and PROCESS_ENDED in record.message


def spec_from_record(record: BuildRecord) -> ImageSpec | None:
    """Return the spec of a recorded build, or None if the record is not a build."""
    return _parse_spec(record.requirements, record.base_image, record.python_version)


@lru_cache(64)
def _parse_spec(requirements: str, base_image: str | None, python_version: str | None) -> ImageSpec | None:
    """Return a validated spec, or None if it is not valid."""
    # Cached: the builds of a fleet have the same text, and validating 1,000 lines takes milliseconds.
    try:
        # They were allowed when the build was started.
        return ImageSpec(requirements, base_image, python_version, allow_index_options=True, allow_no_packages=True)
    except InvalidInput:
        return None  # e.g. the record of a deletion
