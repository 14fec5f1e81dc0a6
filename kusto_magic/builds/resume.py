"""Resume builds that were started earlier or by another process. Nothing is sent, unless `send` is set.

An operation that was never sent, or whose request may not have arrived, is sent again only if the user asks for it
(`BuildManager.attach(…, send=True)`): the image may be another user's by now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from kusto_magic.arm import operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import SendingWorkflow
from kusto_magic.builds.build import Build, ended_elsewhere
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.retry import retry_while_busy
from kusto_magic.errors import (
    NotFoundError,
    NotSubmittedError,
    OutcomeUnknownError,
    PollTimeoutError,
    UnexpectedStateError,
)
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import NOT_STARTED, UNSENT_STATES, BuildState
from kusto_magic.models.image import Image

PROCESS_ENDED = "process ended"
"""Part of the message of every record whose process ended before the service confirmed the operation."""

WATCH_INTERVAL = 1.0
"""Seconds between two reads of the record of an operation that another process is about to send."""


@dataclass(frozen=True, slots=True)
class ResumeBuild:
    """Polls a recorded operation whose owner has ended.

    `sender` is given if the user has asked to send the operation again in case it fails because the cluster is busy;
    otherwise this only reads.
    """

    build: Build
    record: BuildRecord
    sender: SendingWorkflow | None = None

    async def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the states; raises NotSubmittedError, OutcomeUnknownError and the errors of polling."""
        record, queue = self.record, self.build.request.options.queue
        if record.state in UNSENT_STATES:
            raise _not_submitted(record, "was not sent: its process ended before")
        try:
            async for operation in self._attempts(client):
                if operation.is_cluster_busy and queue and self.sender is None:  # its process would have sent it again
                    raise _not_submitted(record, "was not carried out: the cluster was busy, and its process ended")
                yield operation
        except UnexpectedStateError as error:
            # For instance, another user has deleted or replaced the image: what came of this will never be known.
            what = f"the outcome of the {record.request.info.noun} of image {record.name!r} is unknown; {error.what}"
            raise OutcomeUnknownError(what, hint=error.hint) from None

    def _attempts(self, client: ImagesClient) -> AsyncIterator[Operation]:
        poll = _settle if self.record.state is BuildState.SUBMITTING else _poll_recorded
        first, options = partial(poll, client, self.build, self.record), self.build.request.options
        if self.sender is None or not options.queue:
            return first()
        return retry_while_busy(first, partial(self.sender.repeat, client), client.clock, options.timeout)


@dataclass(frozen=True, slots=True)
class WatchBuild:
    """Polls an operation that another process owns: as recorded until it is sent, then as the service shows it.

    `read_record` returns the current record, and brings the build up to date with it: `owned` if its owner has ended
    and this process now owns it, `checked_spec` if the owner has corrected or pinned the requirements.
    """

    build: Build
    read_record: Callable[[], Awaitable[BuildRecord | None]]

    async def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the states of the operation.

        Raises EndedElsewhereError if the owner ends it without success, and the errors of `ResumeBuild`.
        """
        build, options = self.build, self.build.request.options
        end = client.clock.monotonic() + options.timeout
        while (record := await self.read_record()) is not None and record.ended_at is None:
            if build.owned:
                async for operation in ResumeBuild(build, record).run(client):
                    yield operation
                return
            if record.state not in NOT_STARTED:
                async for operation in _poll_recorded(client, build, record):
                    if operation.is_cluster_busy and options.queue:
                        break  # its owner sends it again
                    yield operation
                else:
                    return
            if client.clock.monotonic() >= end:
                raise _never_sent(build)
            state = record.state if record.state in NOT_STARTED else BuildState.QUEUED
            yield replace(_unsent(build), state=state, note="another process on this machine is about to send this")
            await client.clock.sleep(WATCH_INTERVAL)
        if record is None or not record.state.succeeded:
            raise ended_elsewhere(build, _unsent(build), record.state if record is not None else None)
        async for operation in _poll_recorded(client, build, record):  # what its owner has achieved
            yield operation


def _never_sent(build: Build) -> PollTimeoutError:
    what = f"the {build.request.info.noun} of image {build.name!r} is still not submitted by another process"
    return PollTimeoutError(what, operation=_unsent(build), hint=Hint(HintKind.SHOW_STATUS))


@dataclass(frozen=True, slots=True)
class PollImage:
    """Polls an image without a record."""

    build: Build

    async def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the states of the image. Raises NotFoundError if it does not exist."""
        name, timeout = self.build.name, self.build.request.options.timeout
        await client.get(name)
        async for operation in client.poll(
            operation_start.resume_named(client.target, Action.BUILD, name), timeout=timeout
        ):
            yield operation


async def _poll_recorded(client: ImagesClient, build: Build, record: BuildRecord) -> AsyncIterator[Operation]:
    resumed = operation_start.resume_named(client.target, build.action, record.name, record.operation_url, build.spec)
    yield resumed
    # A lower bound: the record is written when the state or the URL changes, and when polling stops.
    is_building = record.request.info.creates_image and record.state is record.request.info.working_state
    started = record.last_response_at if is_building else None
    elapsed = max(0.0, (client.clock.wall() - started).total_seconds()) if started else 0.0
    timeout = build.request.options.timeout
    estimated = client.with_options(estimate=build.estimate, already_elapsed=elapsed)
    async for operation in estimated.poll(resumed, timeout=timeout):
        yield operation


# ── requests whose process ended before the response ────────────────────────────────────────────────────────────────


async def _settle(client: ImagesClient, build: Build, record: BuildRecord) -> AsyncIterator[Operation]:
    """Yield the operations that the service shows as those of the request. Raises OutcomeUnknownError."""
    resumed = operation_start.resume_named(client.target, build.action, record.name, "", build.spec)
    if build.request.info.changes_image:
        image = await _image_or_none(client, record.name)
        if image is None and build.request.info.deletes_image:
            yield replace(resumed, state=BuildState.DELETED, note="the image does not exist")
            return
        if image is None or not _is_outcome(image, build):
            raise _unknown(record, _description(image))
    try:
        async for operation in client.with_options(estimate=build.estimate).poll(
            resumed, timeout=build.request.options.timeout
        ):
            yield operation
    except UnexpectedStateError as error:
        raise _unknown(record, error.what) from None


async def _image_or_none(client: ImagesClient, name: str) -> Image | None:
    try:
        return await client.get(name)
    except NotFoundError:
        return None


def _is_outcome(image: Image, build: Build) -> bool:
    """Return whether the image is what the request would have led to."""
    if build.request.info.deletes_image:
        return image.state.lower() == "deleting"
    return build.spec is not None and image.matches(build.spec)


def _description(image: Image | None) -> str:
    if image is None:
        return "there is no such image"
    return f"the image exists, with other content or by another request (state {image.state or 'Succeeded'})"


def _not_submitted(record: BuildRecord, why: str) -> NotSubmittedError:
    what = f"the {record.request.info.noun} of image {record.name!r} {why}"
    return NotSubmittedError(what, hint=Hint(HintKind.SEND_AGAIN, record.name))


def _unknown(record: BuildRecord, found: str) -> OutcomeUnknownError:
    what = f"whether the {record.action} request for {record.name!r} arrived is unknown: its process ended; {found}"
    return OutcomeUnknownError(what, hint=Hint(HintKind.SEND_AGAIN, record.name))


def _unsent(build: Build) -> Operation:
    return operation_start.submitting(build.action, "", build.spec)


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_unconfirmed(record: BuildRecord) -> bool:
    """Return whether the process of an operation ended before the service confirmed it.

    Not if the operation was refused before it was sent, for instance because its packages conflict.
    """
    if record.ended_at is None:
        return record.state in NOT_STARTED
    return record.state in {BuildState.NOT_SUBMITTED, BuildState.UNKNOWN} and PROCESS_ENDED in record.message
