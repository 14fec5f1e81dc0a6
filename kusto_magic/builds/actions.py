"""Workflows that build and delete images and enable and disable them, with preconditions and retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from kusto_magic.arm import operation_start
from kusto_magic.arm.client import DEFAULT_TIMEOUT, ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.urls import image_url
from kusto_magic.builds.build import Build
from kusto_magic.builds.change_queue import ChangeQueue
from kusto_magic.builds.history import History
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.registry import BuildRegistry
from kusto_magic.builds.retry import first_then, retry_while_busy
from kusto_magic.errors import InUse, MaybeInUse, NotFound, ServiceError
from kusto_magic.models.action import NOT_SUBMITTED, Action
from kusto_magic.models.cluster import PYTHON, ActiveImage, UnknownImage
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.target import Target
from kusto_magic.preflight.report import PreflightReport

Preflight = Callable[..., Awaitable[PreflightReport]]
"""`preflight.check.run_preflight`, or a replacement with the same arguments."""

Check = Callable[[ImagesClient, Build], Awaitable[ImageSpec]]
"""Runs the preflight and returns the spec to submit. Raises RequirementsConflict."""

Protect = Callable[[ImagesClient], Awaitable[None]]
"""Raises InUse if queries use the image or are about to use it, or MaybeInUse if that is not known."""

PROCEED = "Add --yes to proceed anyway (in the panel and the sidebar: refresh the images, then confirm)"
"""Next step of a user who wants to change an image although queries use it, or may use it."""

IN_USE_STEP = f"{PROCEED}, or choose a new name and enable it with %kusto_image enable afterwards."
"""Next step after InUse."""

MAX_ENABLING_AGE = timedelta(seconds=DEFAULT_TIMEOUT)
"""Age after which an unfinished enabling no longer protects its image: an ended process may have left it open."""


async def create_image(
    client: ImagesClient, build: Build, options: BuildOptions, check: Check, protect: Protect, queue: ChangeQueue
) -> AsyncIterator[Operation]:
    """Yield the operations of building `build.requested_spec`; nothing is sent if the image is up to date."""
    spec = sent = build.requested_spec
    assert spec is not None  # noqa: S101 - for the type checker
    assert sent is not None  # noqa: S101 - for the type checker
    # A pinned build is compared after the preflight, which determines the text to compare; one that waits is compared
    # at its turn, since what it waits for may change the image.
    compare_later = options.force or options.pin or queue.must_wait(build)
    absent, existing = (False, None) if compare_later else await find_existing(client, build.name, spec)
    if existing is None and (options.check or options.pin):
        yield operation_start.checking(spec)
        sent = await check(client, build)
        if options.pin and not options.force and not queue.must_wait(build):
            absent, existing = await find_existing(client, build.name, sent)
    if existing is not None:
        async for operation in poll_existing(client, build, existing, options):
            yield operation
        return
    if options.protect_active and not absent and not queue.must_wait(build):  # a new image cannot be in use
        await protect(client)
    estimated = client.with_options(estimate=build.estimate)
    send = partial(estimated.create_or_update_stream, build.name, sent, timeout=options.timeout)
    again = partial(retry_create, client, build, options, protect)
    waiting = queue.turn(build, operation_start.submitting(Action.BUILD, "", sent))
    async for operation in send_in_turn(client, options, waiting, send, again):
        yield operation


async def send_in_turn(
    client: ImagesClient,
    options: BuildOptions,
    waiting: AsyncIterator[Operation],
    send: Callable[[], AsyncIterator[Operation]],
    again: Callable[[], AsyncIterator[Operation]],
) -> AsyncIterator[Operation]:
    """Yield the operations of `waiting`, then those of `send`; `again` checks and sends after any wait."""
    waited = False
    async for operation in waiting:
        waited = True
        yield operation
    first = again if waited else send  # what this process did meanwhile may have made the image, or enabled it
    attempt = first_then(first, again)
    async for operation in retry_while_busy(attempt, client.clock, options.timeout) if options.queue else first():
        yield operation


async def retry_create(
    client: ImagesClient, build: Build, options: BuildOptions, protect: Protect
) -> AsyncIterator[Operation]:
    """Yield the operations of a retry; another process may have built or enabled the same image meanwhile."""
    assert build.spec is not None  # noqa: S101 - only builds are retried
    absent, existing = (False, None) if options.force else await find_existing(client, build.name, build.spec)
    if options.protect_active and not absent and existing is None:
        await protect(client)
    estimated = client.with_options(estimate=build.estimate)
    sending = estimated.create_or_update_stream(build.name, build.spec, timeout=options.timeout)
    async for operation in sending if existing is None else poll_existing(client, build, existing, options):
        yield operation


async def find_existing(client: ImagesClient, name: str, spec: ImageSpec) -> tuple[bool, Operation | None]:
    """Return whether the image is known not to exist, and its operation if it is built or being built from `spec`.

    Raises Unreachable and SignInFailed. Other errors of the service are left to the request that follows.
    """
    try:
        image = await client.with_options(background=True).get(name)
        return False, operation_start.existing_operation(image, image_url(client.target, image.name), spec)
    except NotFound:
        return True, None
    except ServiceError:
        return False, None


async def poll_existing(
    client: ImagesClient, build: Build, existing: Operation, options: BuildOptions
) -> AsyncIterator[Operation]:
    """Yield the operations of an image that exists or is being built; it does not count for the estimate."""
    build.counts_for_estimate = False
    yield existing
    async for operation in client.with_options(estimate=build.estimate).poll(existing, timeout=options.timeout):
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


async def change_cluster(
    client: ImagesClient, build: Build, options: BuildOptions, protect: Protect, queue: ChangeQueue
) -> AsyncIterator[Operation]:
    """Yield the operations of a deletion, enabling or disabling; `queue`, `protect_active` and `timeout` apply."""
    if options.protect_active and build.action is Action.DELETE and not queue.must_wait(build):
        await protect(client)
    send = partial(send_change, client, build.action, build.name, options.timeout)
    again = partial(repeat_change, client, build, options, protect)
    waiting = queue.turn(build, operation_start.submitting(build.action, ""))
    async for operation in send_in_turn(client, options, waiting, send, again):
        yield operation


async def repeat_change(
    client: ImagesClient, build: Build, options: BuildOptions, protect: Protect
) -> AsyncIterator[Operation]:
    """Yield the operations of one attempt of any action; another process may have enabled the image meanwhile."""
    if options.protect_active and build.action is Action.DELETE:
        await protect(client)
    attempt = (
        retry_create(client, build, options, protect)
        if build.action is Action.BUILD
        else send_change(client, build.action, build.name, options.timeout)
    )
    async for operation in attempt:
        yield operation


async def require_unused(
    history: History, is_held: Callable[[BuildRecord], bool], record: BuildRecord, client: ImagesClient
) -> None:
    """Raise InUse if queries use the image of a record, or soon will, MaybeInUse if that is not known.

    `is_held` returns whether another process works on the operation of a record.
    """
    # In a thread: reading the history can wait for another process.
    if await asyncio.to_thread(_is_being_enabled, history, is_held, record):
        what = f"image {record.image!r} is being enabled for the queries of this cluster; nothing was sent"
        raise InUse(what, next_step=IN_USE_STEP)
    await require_inactive(client, record.image)


async def require_inactive(client: ImagesClient, name: str) -> None:
    """Raise InUse if python() runs on the image, MaybeInUse if that is not known, and as `active` does."""
    match await client.with_options(background=True).active():
        case ActiveImage() as active if active.is_named(name):
            what = f"queries on this cluster use image {name!r} (python() is enabled with it); nothing was sent"
            raise InUse(what, next_step=IN_USE_STEP)
        case UnknownImage(reason, next_step):
            what = f"which image python() runs on could not be determined: {reason}; nothing was sent"
            raise MaybeInUse(what, next_step=f"{next_step} {PROCEED}.".strip())


def _is_being_enabled(history: History, is_held: Callable[[BuildRecord], bool], record: BuildRecord) -> bool:
    """Return whether this machine is enabling the image of a record since before its start. Reads the history."""
    # One that was started later may wait for the change that asks. Nothing comes of what an ended process had not sent.
    start = record.started_at
    unfinished = [it for it in history.left_open(record.target, record.image) if it.action == Action.ENABLE]
    started = [it for it in unfinished if start - MAX_ENABLING_AGE <= it.started_at <= start]
    return any(it.state not in NOT_SUBMITTED or is_held(it) for it in started)


def is_being_enabled_here(registry: BuildRegistry, target: Target, image: str, now: datetime) -> bool:
    """Return whether this process is enabling an image since before `now`."""
    builds = [build for build in registry.by_cluster(target) if build.name.lower() == image.lower()]
    return any(build.action is Action.ENABLE and build.started_at <= now for build in builds)


def send_change(client: ImagesClient, action: Action, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Return the operations of one attempt."""
    if action is Action.DELETE:
        return client.delete_stream(name, timeout=timeout)
    if action is Action.ENABLE:
        return client.enable_stream(name, timeout=timeout)
    return client.disable_stream("" if name == PYTHON else name, timeout=timeout)  # PYTHON: the image is not known
