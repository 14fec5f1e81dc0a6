"""Taking up what was begun earlier, or elsewhere: from its record in the history, or from the image alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kusto_magic.client import ImagesClient
from kusto_magic.errors import InvalidInput
from kusto_magic.models import ImageSpec
from kusto_magic.operations import Action, Operation
from kusto_magic.records import BuildRecord
from kusto_magic.schedule import Usual


async def take_up(
    it: ImagesClient, record: BuildRecord, spec: ImageSpec | None, limit: float, usual: Usual | None
) -> AsyncIterator[Operation]:
    """Follow a build by its record, from where it was left."""
    kept = it.resume(Action(record.action), record.image, record.operation_url, spec)
    yield kept
    async for operation in it.follow(kept, limit=limit, usual=usual):
        yield operation


async def look(it: ImagesClient, name: str, limit: float) -> AsyncIterator[Operation]:
    """Follow an image that was not begun from here; a missing one is an error at once."""
    await it.get(name)
    async for operation in it.follow(it.resume(Action.BUILD, name), limit=limit):
        yield operation


def spec_of(record: BuildRecord) -> ImageSpec | None:
    """Return what a record's image shall be; None for what is no build."""
    try:
        return ImageSpec(record.requirements, record.base_image, record.python_version, allow_index_options=True)
    except InvalidInput:
        return None  # a deletion has none
