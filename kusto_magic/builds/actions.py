"""Workflows that build and delete images and enable and disable them, with preconditions and retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from kusto_magic.arm import operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.urls import cluster_url, image_url
from kusto_magic.builds.build import Build
from kusto_magic.builds.change_queue import ChangeQueue
from kusto_magic.builds.history import History
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.request import BuildRequest
from kusto_magic.builds.retry import Attempt, retry_while_busy
from kusto_magic.errors import InUseError, MaybeInUseError, NotFoundError, ServiceError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.action import Action
from kusto_magic.models.build_state import UNSENT_STATES
from kusto_magic.models.cluster import PYTHON, ActiveImage, LanguageExtension, PythonOff, PythonState, UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport
from kusto_magic.settings import DEFAULT_TIMEOUT

Preflight = Callable[..., Awaitable[PreflightReport]]
"""`preflight.check.run_preflight`, or a replacement with the same arguments."""

Check = Callable[[ImagesClient, Build], Awaitable[ImageSpec]]
"""Runs the preflight and returns the spec to submit. Raises RequirementsConflictError."""

Protect = Callable[[ImagesClient], Awaitable[None]]
"""Raises InUseError if queries use the image or are about to use it, or MaybeInUseError if that is not known."""

IN_USE_HINT = Hint(HintKind.CONFIRM, then=Hint(HintKind.USE_NEW_NAME))
"""What to do after InUseError."""

MAX_ENABLING_AGE = timedelta(seconds=DEFAULT_TIMEOUT)
"""Age after which an unfinished enabling no longer protects its image: an ended process may have left it open."""


class Workflow(Protocol):
    """What is done for one build."""

    def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the states of the operation; the last one is terminal."""
        ...


class SendingWorkflow(Workflow, Protocol):
    """A workflow that sends a request."""

    def repeat(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the states of one more attempt: what it waited for may have changed its preconditions."""
        ...


def sending_workflow(build: Build, check: Check, protect: Protect, queue: ChangeQueue) -> SendingWorkflow:
    """Return the workflow of the build's action."""
    if build.request.info.creates_image:
        return CreateImage(build, check, protect, queue)
    return ChangeCluster(build, protect, queue)


@dataclass(frozen=True, slots=True)
class CreateImage:
    """Builds the image of `build.request`; nothing is sent if the image is up to date."""

    build: Build
    check: Check
    protect: Protect
    queue: ChangeQueue

    async def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the operations of the preflight, of the wait for other operations, and of the request."""
        build, options, sent = self.build, self.build.request.options, _spec(self.build)
        # A pinned or fixed build is compared after the preflight, which determines the text to compare; one that waits
        # is compared at its turn, since what it waits for may change the image.
        changes_text = options.pin or (options.fix and options.check)
        compare_later = options.force or changes_text or self.queue.must_wait(build)
        existing = UNKNOWN if compare_later else await find_existing(client, build, sent)
        if existing.operation is None and (options.check or changes_text):
            yield operation_start.checking(sent, build.action)
            sent = await self.check(client, build)
            if changes_text and not options.force and not self.queue.must_wait(build):
                existing = await find_existing(client, build, sent)
        if existing.operation is not None:
            async for operation in poll_existing(client, build, existing.operation):
                yield operation
            return
        if not self.queue.must_wait(build):
            await self._protect(client, existing)
        waiting = self.queue.turn(build, operation_start.submitting(build.action, "", sent))
        send = partial(self._send, client, sent)
        async for operation in send_in_turn(client, build, waiting, send, partial(self.repeat, client)):
            yield operation

    async def repeat(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the operations of a retry; another process may have built or enabled the same image meanwhile."""
        spec = _spec(self.build)
        force = self.build.request.options.force
        existing = UNKNOWN if force else await find_existing(client, self.build, spec)
        if existing.operation is None:
            await self._protect(client, existing)
            operations = self._send(client, spec)
        else:
            operations = poll_existing(client, self.build, existing.operation)
        async for operation in operations:
            yield operation

    async def _protect(self, client: ImagesClient, existing: Existing) -> None:
        if self.build.request.options.protect_active and not existing.is_absent:  # a new image cannot be in use
            await self.protect(client)

    def _send(self, client: ImagesClient, spec: ImageSpec) -> AsyncIterator[Operation]:
        build = self.build
        estimated = client.with_options(estimate=build.estimate, action=build.action)
        return estimated.create_or_update_stream(build.name, spec, timeout=build.request.options.timeout)


def _spec(build: Build) -> ImageSpec:
    assert build.spec is not None  # noqa: S101 - `BuildRequest.require_valid`: every build that is sent has one
    return build.spec


@dataclass(frozen=True, slots=True)
class ChangeCluster:
    """Deletes the image of `build.request`, or enables or disables it."""

    build: Build
    protect: Protect
    queue: ChangeQueue

    async def run(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the operations of the wait for other operations, and of the request."""
        if not self.queue.must_wait(self.build):
            await self._protect(client)
            if await self._is_up_to_date(client):
                self.build.counts_for_estimate = False
                extension = LanguageExtension(PYTHON, self.build.name)
                yield operation_start.unchanged(self.build.action, cluster_url(client.target), extension)
                return
        waiting = self.queue.turn(self.build, operation_start.submitting(self.build.action, ""))
        send, again = partial(self._send, client), partial(self.repeat, client)
        async for operation in send_in_turn(client, self.build, waiting, send, again):
            yield operation

    async def repeat(self, client: ImagesClient) -> AsyncIterator[Operation]:
        """Yield the operations of a retry; another process may have enabled the image meanwhile."""
        await self._protect(client)
        async for operation in self._send(client):
            yield operation

    async def _is_up_to_date(self, client: ImagesClient) -> bool:
        """Return whether python() is what it would be afterwards; enabling and disabling take up to an hour."""
        if self.build.request.info.changes_image or self.build.request.options.force:
            return False
        try:
            return is_done(self.build.request, await client.with_options(background=True).active())
        except ServiceError:  # left to the request that follows
            return False

    async def _protect(self, client: ImagesClient) -> None:
        if self.build.request.info.deletes_image and self.build.request.options.protect_active:
            await self.protect(client)

    def _send(self, client: ImagesClient) -> AsyncIterator[Operation]:
        return SENDERS[self.build.action](client, self.build.name, self.build.request.options.timeout)


def is_done(request: BuildRequest, active: PythonState) -> bool:
    """Return whether enabling or disabling would change nothing: python() runs on the image, or is disabled."""
    if request.action is Action.ENABLE:
        return isinstance(active, ActiveImage) and active.is_named(request.name)
    return isinstance(active, PythonOff)


def _delete(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    return client.delete_stream(name, timeout=timeout)


def _enable(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    return client.enable_stream(name, timeout=timeout)


def _disable(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    return client.disable_stream("" if name == PYTHON else name, timeout=timeout)  # PYTHON: the image is not known


SENDERS: Mapping[Action, Callable[[ImagesClient, str, float], AsyncIterator[Operation]]] = {
    Action.DELETE: _delete,
    Action.ENABLE: _enable,
    Action.DISABLE: _disable,
}
"""How each action that has no spec is sent, with the name of the image and the timeout in seconds."""


async def send_in_turn(
    client: ImagesClient, build: Build, waiting: AsyncIterator[Operation], send: Attempt, again: Attempt
) -> AsyncIterator[Operation]:
    """Yield the operations of `waiting`, then those of `send`; `again` checks and sends after any wait."""
    waited, options = False, build.request.options
    async for operation in waiting:
        waited = True
        yield operation
    first = again if waited else send  # what this process did meanwhile may have made the image, or enabled it
    operations = retry_while_busy(first, again, client.clock, options.timeout) if options.queue else first()
    async for operation in operations:
        yield operation


@dataclass(frozen=True, slots=True)
class Existing:
    """What is known of an image: that it does not exist, and the operation that builds or has built the same."""

    is_absent: bool = False
    operation: Operation | None = None


UNKNOWN = Existing()
"""Nothing is known of the image."""


async def find_existing(client: ImagesClient, build: Build, spec: ImageSpec) -> Existing:
    """Return what is known of a build's image; the operation is set if it is built, or being built, from `spec`.

    Raises UnreachableError and SignInError. Other errors of the service are left to the request that follows.
    """
    try:
        image = await client.with_options(background=True).get(build.name)
        url = image_url(client.target, image.name)
        return Existing(operation=operation_start.existing_operation(image, url, spec, build.action))
    except NotFoundError:
        return Existing(is_absent=True)
    except ServiceError:
        return UNKNOWN


async def poll_existing(client: ImagesClient, build: Build, existing: Operation) -> AsyncIterator[Operation]:
    """Yield the operations of an image that exists or is being built; it does not count for the estimate."""
    build.counts_for_estimate = False
    yield existing
    timeout = build.request.options.timeout
    async for operation in client.with_options(estimate=build.estimate).poll(existing, timeout=timeout):
        yield operation


def shared_preflight(preflight: Preflight) -> Preflight:
    """Return a preflight that runs once per set of arguments and shares the report among the builds of a fleet."""
    reports: dict[tuple[Any, ...], asyncio.Future[PreflightReport]] = {}

    async def run(requirements: str, **options: Any) -> PreflightReport:
        key = (requirements, *sorted(options.items()))
        if key not in reports:
            reports[key] = asyncio.ensure_future(preflight(requirements, **options))
        # Shielded: stopping one build must not cancel the preflight that the others wait for.
        return await asyncio.shield(reports[key])

    return run


async def require_unused(
    history: History, is_held: Callable[[BuildRecord], bool], record: BuildRecord, client: ImagesClient
) -> None:
    """Raise InUseError if queries use the image of a record, or soon will, MaybeInUseError if that is not known.

    `is_held` returns whether another process works on the operation of a record.
    """
    # In a thread: reading the history can wait for another process.
    if await asyncio.to_thread(_is_being_enabled, history, is_held, record):
        what = f"image {record.name!r} is being enabled for the queries of this cluster; nothing was sent"
        raise InUseError(what, hint=IN_USE_HINT)
    await require_inactive(client, record.name)


async def require_inactive(client: ImagesClient, name: str) -> None:
    """Raise InUseError if python() runs on the image, MaybeInUseError if that is not known, and as `active` does."""
    match await client.with_options(background=True).active():
        case ActiveImage() as active if active.is_named(name):
            what = f"queries on this cluster use image {name!r} (python() is enabled with it); nothing was sent"
            raise InUseError(what, hint=IN_USE_HINT)
        case UnknownImage(reason, hint):
            what = f"which image python() runs on could not be determined: {reason}; nothing was sent"
            raise MaybeInUseError(what, hint=Hint(HintKind.CONFIRM).after(hint))


def _is_being_enabled(history: History, is_held: Callable[[BuildRecord], bool], record: BuildRecord) -> bool:
    """Return whether this machine is enabling the image of a record since before its start. Reads the history."""
    # One that was started later may wait for the change that asks. Nothing comes of what an ended process had not sent.
    start = record.started_at
    unfinished = [it for it in history.left_open(record.target, record.name) if it.action is Action.ENABLE]
    started = [it for it in unfinished if start - MAX_ENABLING_AGE <= it.started_at <= start]
    return any(it.state not in UNSENT_STATES or is_held(it) for it in started)


def is_being_enabled_here(registry: BuildRegistry, target: Target, image: str, now: datetime) -> bool:
    """Return whether this process is enabling an image since before `now`."""
    builds = [build for build in registry.by_cluster(target) if build.name.lower() == image.lower()]
    return any(build.action is Action.ENABLE and build.started_at <= now for build in builds)
