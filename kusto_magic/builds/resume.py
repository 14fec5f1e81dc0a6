"""Resume builds that were started earlier or by another process: from the history, or from the image alone."""

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
    """Yield the operations of a recorded build; with `queue`, a build that met a busy cluster is retried."""
    first = partial(_poll_recorded, client, build, record, options.timeout)
    if build.action is Action.BUILD and build.spec is None:
        return first()  # the spec is not known, so it cannot be sent again
    is_build = build.action is Action.BUILD
    retry = (
        partial(retry_create, client, build, options)
        if is_build
        else partial(send_change, client, build.action, build.name, options.timeout)
    )
    return retry_while_busy(first_then(first, retry), client.clock, options.timeout) if options.queue else first()


async def _poll_recorded(
    client: ImagesClient, build: Build, record: BuildRecord, timeout: float
) -> AsyncIterator[Operation]:
    resumed = client.resume(build.action, record.image, record.operation_url, build.spec)
    yield resumed
    # A lower bound: the record is written when the phase or the URL changes, and when polling stops.
    started = record.last_response_at if record.state == Phase.BUILDING else None
    elapsed = max(0.0, (client.clock.wall() - started).total_seconds()) if started else 0.0
    async for operation in client.poll(resumed, timeout=timeout, estimate=build.estimate, already_elapsed=elapsed):
        yield operation


def is_not_submitted(record: BuildRecord) -> bool:
    """Return whether an operation had not been sent at its last update and can be sent now."""
    # A request that was being sent may have arrived; repeating the PUT or DELETE of an image is harmless.
    repeatable = record.action in (Action.BUILD, Action.DELETE)
    unsent = record.state in NOT_SUBMITTED or (record.state == Phase.SUBMITTING and repeatable)
    return (
        record.ended_at is None and unsent and (record.action != Action.BUILD or spec_from_record(record) is not None)
    )


async def poll_image(client: ImagesClient, name: str, timeout: float) -> AsyncIterator[Operation]:
    """Yield the operations of an image without a record. Raises NotFound if it does not exist."""
    await client.get(name)
    async for operation in client.poll(client.resume(Action.BUILD, name), timeout=timeout):
        yield operation


def spec_from_record(record: BuildRecord) -> ImageSpec | None:
    """Return the spec of a recorded build, or None if the record is not a build."""
    return _parse_spec(record.requirements, record.base_image, record.python_version)


@lru_cache(64)
def _parse_spec(requirements: str, base_image: str | None, python_version: str | None) -> ImageSpec | None:
    """Return a validated spec, or None if it is not valid."""
    # Cached: the builds of a fleet have the same text, and validating 1,000 lines takes milliseconds.
    try:
        return ImageSpec(requirements, base_image, python_version, allow_index_options=True)
    except InvalidInput:
        return None  # e.g. the record of a deletion
