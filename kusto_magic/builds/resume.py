"""Taking up what was begun earlier, or elsewhere: from its record in the history, or from the image alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache, partial

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import again, attempt
from kusto_magic.builds.build import Build
from kusto_magic.builds.options import How
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.retry import in_turn, until_free
from kusto_magic.errors import InvalidInput
from kusto_magic.models.action import NEVER_SENT, Action, Phase
from kusto_magic.models.image import ImageSpec


def go_on(it: ImagesClient, build: Build, record: BuildRecord, how: How) -> AsyncIterator[Operation]:
    """Follow a build by its record; one that waits for its cluster is sent again where it has met another change."""
    first = partial(_take_up, it, build, record, how.limit)
    if build.action is Action.BUILD and build.spec is None:
        return first()  # what it is made of is not known: it cannot be sent
    is_build = build.action is Action.BUILD
    again_ = partial(again, it, build, how) if is_build else partial(attempt, it, build.action, build.name, how.limit)
    return until_free(in_turn(first, again_), it.clock, how.limit) if how.queue else first()


async def _take_up(it: ImagesClient, build: Build, record: BuildRecord, limit: float) -> AsyncIterator[Operation]:
    kept = it.resume(build.action, record.image, record.operation_url, build.spec)
    yield kept
    # The record was written when the service took it, so this is how long it has gone on.
    begun = record.heard_at if record.state == Phase.BUILDING else None
    ahead = max(0.0, (it.clock.wall() - begun).total_seconds()) if begun else 0.0
    async for operation in it.follow(kept, limit=limit, usual=build.usual, ahead=ahead):
        yield operation


def is_unsent(record: BuildRecord) -> bool:
    """Return whether a build had not been sent when it was last heard of, and can be sent now.

    One that was being sent may have arrived: sending it again does no harm to what is built or deleted.
    """
    harmless = record.action in (Action.BUILD, Action.DELETE)
    unsent = record.state in NEVER_SENT or (record.state == Phase.SENDING and harmless)
    return record.ended_at is None and unsent and (record.action != Action.BUILD or spec_of(record) is not None)


async def look(it: ImagesClient, name: str, limit: float) -> AsyncIterator[Operation]:
    """Follow an image that was not begun from here; a missing one is an error at once."""
    await it.get(name)
    async for operation in it.follow(it.resume(Action.BUILD, name), limit=limit):
        yield operation


def spec_of(record: BuildRecord) -> ImageSpec | None:
    """Return what a record's image shall be; None for what is no build."""
    return _spec(record.requirements, record.base_image, record.python_version)


@lru_cache(64)
def _spec(requirements: str, base_image: str | None, python_version: str | None) -> ImageSpec | None:
    """Return a checked spec. A fleet has one for all: a text of 1,000 lines takes milliseconds to check."""
    try:
        return ImageSpec(requirements, base_image, python_version, allow_index_options=True)
    except InvalidInput:
        return None  # a deletion has none
