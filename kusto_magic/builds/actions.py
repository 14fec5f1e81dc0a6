"""Making an image, from the question whether it is there to the end of its build."""

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
"""`preflight.forecast`, or what stands in for it."""

Check = Callable[[ImagesClient, Build], Awaitable[ImageSpec]]
"""Asks the preflight; returns what is to be sent. Raises RequirementsConflict."""


async def create_image(
    client: ImagesClient, build: Build, options: BuildOptions, check: Check
) -> AsyncIterator[Operation]:
    """Yield the operations of making `build.asked`; where it is there or being built already, nothing is sent."""
    spec = sent = build.requested_spec
    assert spec is not None  # noqa: S101 - for the type checker
    assert sent is not None  # noqa: S101 - for the type checker
    absent, standing = (False, None) if options.force or options.pin else await find_existing(client, build.name, spec)
    if standing is None and (options.check or options.pin):
        yield operation_start.checking(spec)
        sent = await check(client, build)
        if options.pin and not options.force:
            absent, standing = await find_existing(client, build.name, sent)
    if standing is not None:
        async for operation in poll_existing(client, build, standing, options):
            yield operation
        return
    if options.protect_active and not absent:  # what is not there, no query runs on: that saves a fleet half its writes
        await client.require_inactive(build.name)
    sending = partial(client.build, build.name, sent, timeout=options.timeout, estimate=build.estimate)
    trying = first_then(sending, partial(retry_create, client, build, options))
    async for operation in retry_while_busy(trying, client.clock, options.timeout) if options.queue else sending():
        yield operation


async def retry_create(client: ImagesClient, build: Build, options: BuildOptions) -> AsyncIterator[Operation]:
    """Yield the operations of a further try: what it waited for may have been somebody's build of the same."""
    assert build.spec is not None  # noqa: S101 - only builds are tried again
    standing = None if options.force else (await find_existing(client, build.name, build.spec))[1]
    sending = client.build(build.name, build.spec, timeout=options.timeout, estimate=build.estimate)
    async for operation in sending if standing is None else poll_existing(client, build, standing, options):
        yield operation


async def find_existing(client: ImagesClient, name: str, spec: ImageSpec) -> tuple[bool, Operation | None]:
    """Return whether an image is known not to be there, and what goes on with it where it is made of just this.

    Raises Unreachable and SignInFailed; a refusal is left to the request that follows.
    """
    try:
        return False, client.existing_operation(await client.get(name, background=True), spec)
    except NotFound:
        return True, None
    except ServiceError:
        return False, None


async def poll_existing(
    client: ImagesClient, build: Build, standing: Operation, options: BuildOptions
) -> AsyncIterator[Operation]:
    build.counts_for_estimate = False
    yield standing
    async for operation in client.poll(standing, timeout=options.timeout, estimate=build.estimate):
        yield operation


def shared_preflight(preflight: Preflight) -> Preflight:
    """Return a forecaster that asks each question once and gives the same answer to all: for a fleet."""
    answers: dict[tuple[Any, ...], asyncio.Future[PreflightReport]] = {}

    async def ask(requirements: str, **more: Any) -> PreflightReport:
        question = (requirements, *sorted(more.items()))
        if question not in answers:
            answers[question] = asyncio.ensure_future(preflight(requirements, **more))
        return await asyncio.shield(answers[question])

    return ask


async def change_cluster(
    client: ImagesClient, action: Action, name: str, options: BuildOptions
) -> AsyncIterator[Operation]:
    """Yield the operations of deleting, enabling or disabling; of `How` queue, spare_active and limit count."""
    if options.protect_active and action is Action.DELETE:
        await client.require_inactive(name)
    sending = partial(send_change, client, action, name, options.timeout)
    async for operation in retry_while_busy(sending, client.clock, options.timeout) if options.queue else sending():
        yield operation


def send_change(client: ImagesClient, action: Action, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Return the operations of one try."""
    if action is Action.DELETE:
        return client.delete(name, timeout=timeout)
    if action is Action.ENABLE:
        return client.enable(name, timeout=timeout)
    return client.disable("" if name == PYTHON else name, timeout=timeout)
