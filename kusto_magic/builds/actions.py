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
from kusto_magic.builds.options import How
from kusto_magic.builds.retry import in_turn, until_free
from kusto_magic.errors import NotFound, ServiceError
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import PYTHON
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import Forecast

Forecaster = Callable[..., Awaitable[Forecast]]
"""`preflight.forecast`, or what stands in for it."""

Check = Callable[[ImagesClient, Build], Awaitable[ImageSpec]]
"""Asks the preflight; returns what is to be sent. Raises DoesNotFit."""


async def make(it: ImagesClient, build: Build, how: How, check: Check) -> AsyncIterator[Operation]:
    """Yield the operations of making `build.asked`; where it is there or being built already, nothing is sent."""
    spec = sent = build.asked
    assert spec is not None  # noqa: S101 - for the type checker
    assert sent is not None  # noqa: S101 - for the type checker
    absent, standing = (False, None) if how.force or how.pin else await _there(it, build.name, spec)
    if standing is None and (how.check or how.pin):
        yield operation_start.checking(spec)
        sent = await check(it, build)
        if how.pin and not how.force:
            absent, standing = await _there(it, build.name, sent)
    if standing is not None:
        async for operation in _stand(it, build, standing, how):
            yield operation
        return
    if how.spare_active and not absent:  # what is not there, no query runs on: that saves a fleet half its writes
        await it.refuse_active(build.name)
    sending = partial(it.build, build.name, sent, limit=how.limit, usual=build.usual)
    trying = in_turn(sending, partial(again, it, build, how))
    async for operation in until_free(trying, it.clock, how.limit) if how.queue else sending():
        yield operation


async def again(it: ImagesClient, build: Build, how: How) -> AsyncIterator[Operation]:
    """Yield the operations of a further try: what it waited for may have been somebody's build of the same."""
    assert build.spec is not None  # noqa: S101 - only builds are tried again
    standing = None if how.force else (await _there(it, build.name, build.spec))[1]
    sending = it.build(build.name, build.spec, limit=how.limit, usual=build.usual)
    async for operation in sending if standing is None else _stand(it, build, standing, how):
        yield operation


async def _there(it: ImagesClient, name: str, spec: ImageSpec) -> tuple[bool, Operation | None]:
    """Return whether an image is known not to be there, and what goes on with it where it is made of just this.

    Raises Unreachable and SignInFailed; a refusal is left to the request that follows.
    """
    try:
        return False, it.standing(await it.get(name, background=True), spec)
    except NotFound:
        return True, None
    except ServiceError:
        return False, None


async def _stand(it: ImagesClient, build: Build, standing: Operation, how: How) -> AsyncIterator[Operation]:
    build.teaches = False
    yield standing
    async for operation in it.follow(standing, limit=how.limit, usual=build.usual):
        yield operation


def asked_once(forecaster: Forecaster) -> Forecaster:
    """Return a forecaster that asks each question once and gives the same answer to all: for a fleet."""
    answers: dict[tuple[Any, ...], asyncio.Future[Forecast]] = {}

    async def ask(requirements: str, **more: Any) -> Forecast:
        question = (requirements, *sorted(more.items()))
        if question not in answers:
            answers[question] = asyncio.ensure_future(forecaster(requirements, **more))
        return await asyncio.shield(answers[question])

    return ask


async def change(it: ImagesClient, action: Action, name: str, how: How) -> AsyncIterator[Operation]:
    """Yield the operations of deleting, enabling or disabling; of `How` queue, spare_active and limit count."""
    if how.spare_active and action is Action.DELETE:
        await it.refuse_active(name)
    sending = partial(attempt, it, action, name, how.limit)
    async for operation in until_free(sending, it.clock, how.limit) if how.queue else sending():
        yield operation


def attempt(it: ImagesClient, action: Action, name: str, limit: float) -> AsyncIterator[Operation]:
    """Return the operations of one try."""
    if action is Action.DELETE:
        return it.delete(name, limit=limit)
    if action is Action.ENABLE:
        return it.enable(name, limit=limit)
    return it.disable("" if name == PYTHON else name, limit=limit)
