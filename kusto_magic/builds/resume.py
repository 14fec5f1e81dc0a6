"""Taking up what was begun earlier, or elsewhere: from its record in the history, or from the image alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache, partial

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation import Operation
from kusto_magic.builds.actions import retry_create, send_change
from kusto_magic.builds.build import Build
from kusto_magic.builds.options import BuildOptions
from kusto_magic.builds.record import BuildRecord
from kusto_magic.builds.retry import first_then, retry_while_busy
from kusto_magic.errors import InvalidInput
from kusto_magic.models.action import NOT_SUBMITTED, Action, Phase
from kusto_magic.models.image import ImageSpec


def resume_build(
    client: ImagesClient, build: Build, record: BuildRecord, options: BuildOptions
) -> AsyncIterator[Operation]:
    """Follow a build by its record; one that waits for its cluster is sent again where it has met another change."""
    first = partial(_poll_recorded, client, build, record, options.timeout)
    if build.action is Action.BUILD and build.spec is None:
        return first()  # what it is made of is not known: it cannot be sent
    is_build = build.action is Action.BUILD
    again_ = (
        partial(retry_create, client, build, options)
        if is_build
        else partial(send_change, client, build.action, build.name, options.timeout)
    )
    return retry_while_busy(first_then(first, again_), client.clock, options.timeout) if options.queue else first()


async def _poll_recorded(
    client: ImagesClient, build: Build, record: BuildRecord, timeout: float
) -> AsyncIterator[Operation]:
    kept = client.resume(build.action, record.image, record.operation_url, build.spec)
    yield kept
    # The record was written when the service took it, so this is how long it has gone on.
    begun = record.last_response_at if record.state == Phase.BUILDING else None
    ahead = max(0.0, (client.clock.wall() - begun).total_seconds()) if begun else 0.0
    async for operation in client.poll(kept, timeout=timeout, estimate=build.estimate, already_elapsed=ahead):
        yield operation


def is_not_submitted(record: BuildRecord) -> bool:
    """Return whether a build had not been sent when it was last heard of, and can be sent now.

    One that was being sent may have arrived: sending it again does no harm to what is built or deleted.
    """
    harmless = record.action in (Action.BUILD, Action.DELETE)
    unsent = record.state in NOT_SUBMITTED or (record.state == Phase.SUBMITTING and harmless)
    return (
        record.ended_at is None and unsent and (record.action != Action.BUILD or spec_from_record(record) is not None)
    )


async def poll_image(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Follow an image that was not begun from here; a missing one is an error at once."""
    await client.get(name)
    async for operation in client.poll(client.resume(Action.BUILD, name), timeout=timeout):
        yield operation


def spec_from_record(record: BuildRecord) -> ImageSpec | None:
    """Return what a record's image shall be; None for what is no build."""
    return _parse_spec(record.requirements, record.base_image, record.python_version)


@lru_cache(64)
def _parse_spec(requirements: str, base_image: str | None, python_version: str | None) -> ImageSpec | None:
    """Return a checked spec. A fleet has one for all: a text of 1,000 lines takes milliseconds to check."""
    try:
        return ImageSpec(requirements, base_image, python_version, allow_index_options=True)
    except InvalidInput:
        return None  # a deletion has none
