"""Workflows that build and delete images and enable and disable them, with preconditions and retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from kusto_magic.arm import operation_start
from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.build import Build
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.retry import first_then, retry_while_busy
from kusto_magic.errors import NotFound, ServiceError
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import PreflightReport

Preflight = Callable[..., Awaitable[PreflightReport]]
"""`preflight.check.run_preflight`, or a replacement with the same arguments."""

Check = Callable[[ImagesClient, Build], Awaitable[ImageSpec]]
"""Runs the preflight and returns the spec to submit. Raises RequirementsConflict."""

Turn = Callable[[Build, Operation], AsyncIterator[Operation]]
"""`ChangeQueue.turn`: yields the operation as queued while this process changes the cluster."""


async def create_image(
    client: ImagesClient, build: Build, options: BuildOptions, check: Check, turn: Turn
) -> AsyncIterator[Operation]:
    """Yield the operations of building `build.requested_spec`; nothing is sent if the image is up to date."""
    spec = sent = build.requested_spec
    assert spec is not None  # noqa: S101 - for the type checker
    assert sent is not None  # noqa: S101 - for the type checker
    # A pinned build is compared after the preflight, which determines the text to compare.
    absent, existing = (False, None) if options.force or options.pin else await find_existing(client, build.name, spec)
    if existing is None and (options.check or options.pin):
        yield operation_start.checking(spec)
        sent = await check(client, build)
        if options.pin and not options.force:
            absent, existing = await find_existing(client, build.name, sent)
    if existing is not None:
        async for operation in poll_existing(client, build, existing, options):
            yield operation
        return
    waited = False
    async for operation in turn(build, operation_start.submitting(Action.BUILD, "", sent)):
        waited = True
        yield operation
    absent = absent and not waited
    # A new image cannot be active: skip the request, which counts as a write in the rate limits.
    if options.protect_active and not absent:
        await client.require_inactive(build.name)
    send = partial(client.build, build.name, sent, timeout=options.timeout, estimate=build.estimate)
    again = partial(retry_create, client, build, options)
    first = again if waited else send  # what this process did meanwhile may have made the image
    attempt = first_then(first, again)
    async for operation in retry_while_busy(attempt, client.clock, options.timeout) if options.queue else first():
        yield operation


async def retry_create(client: ImagesClient, build: Build, options: BuildOptions) -> AsyncIterator[Operation]:
    """Yield the operations of a retry; another process may have built the same image meanwhile."""
    assert build.spec is not None  # noqa: S101 - only builds are retried
    existing = None if options.force else (await find_existing(client, build.name, build.spec))[1]
    sending = client.build(build.name, build.spec, timeout=options.timeout, estimate=build.estimate)
    async for operation in sending if existing is None else poll_existing(client, build, existing, options):
        yield operation


async def find_existing(client: ImagesClient, name: str, spec: ImageSpec) -> tuple[bool, Operation | None]:
    """Return whether the image is known not to exist, and its operation if it is built or being built from `spec`.

    Raises Unreachable and SignInFailed. Other errors of the service are left to the request that follows.
    """
    try:
        return False, client.existing_operation(await client.get(name, background=True), spec)
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
    async for operation in client.poll(existing, timeout=options.timeout, estimate=build.estimate):
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
    client: ImagesClient, build: Build, options: BuildOptions, turn: Turn
) -> AsyncIterator[Operation]:
    """Yield the operations of a deletion, enabling or disabling; `queue`, `protect_active` and `timeout` apply."""
    action, name = build.action, build.name
    async for operation in turn(build, operation_start.submitting(action, "")):
        yield operation
    if options.protect_active and action is Action.DELETE:
        await client.require_inactive(name)
    send = partial(send_change, client, action, name, options.timeout)
    async for operation in retry_while_busy(send, client.clock, options.timeout) if options.queue else send():
        yield operation


def repeat_change(client: ImagesClient, build: Build, options: BuildOptions) -> AsyncIterator[Operation]:
    """Return the operations of a retry of any action."""
    if build.action is Action.BUILD:
        return retry_create(client, build, options)
    return send_change(client, build.action, build.name, options.timeout)


def send_change(client: ImagesClient, action: Action, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Return the operations of one attempt."""
    if action is Action.DELETE:
        return client.delete(name, timeout=timeout)
    if action is Action.ENABLE:
        return client.enable(name, timeout=timeout)
    return client.disable("" if name == PYTHON else name, timeout=timeout)  # PYTHON: the image is not known
