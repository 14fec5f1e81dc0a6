"""What an operation would change, found out by reading; nothing is sent that changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kusto_magic.arm.client import ImagesClient
from kusto_magic.arm.operation_start import existing_operation
from kusto_magic.arm.urls import image_url
from kusto_magic.builds.actions import is_done, require_inactive
from kusto_magic.builds.request import BuildRequest
from kusto_magic.errors import NotFoundError
from kusto_magic.models.action import Action
from kusto_magic.models.cluster import ActiveImage, UnknownImage
from kusto_magic.models.image import Image
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.target import Target


class PlannedChange(StrEnum):
    """What would be done."""

    NOTHING = "nothing"
    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request would change on the cluster `target`, and `reason`: why, as a sentence without its end."""

    target: Target
    name: str
    change: PlannedChange
    reason: str


async def plan_of(client: ImagesClient, request: BuildRequest) -> Plan:
    """Return what a request would change. Raises as the operation would: InUseError, and errors of the requests."""
    if not request.info.changes_image:
        change, reason = await _switch(client, request)
    elif request.info.deletes_image:
        change, reason = await _deletion(client, request)
    else:
        change, reason = await _creation(client, request)
    return Plan(request.target, request.name, change, reason)


async def _creation(client: ImagesClient, request: BuildRequest) -> tuple[PlannedChange, str]:
    assert request.spec is not None  # noqa: S101 - `BuildRequest.require_valid`
    image = await _existing(client, request.name)
    if image is None:
        return PlannedChange.CREATE, "the cluster has no image with this name"
    existing = existing_operation(image, image_url(client.target, image.name), request.spec, request.action)
    if existing is not None and not request.options.force:
        return PlannedChange.NOTHING, existing.note.partition(";")[0]
    await _require_allowed(client, request)
    if existing is not None:
        return PlannedChange.REPLACE, "it is sent although it is up to date"
    same = image.matches(request.spec)
    return PlannedChange.REPLACE, f"its state is {image.shown_state}" if same else "the image has other content"


async def _deletion(client: ImagesClient, request: BuildRequest) -> tuple[PlannedChange, str]:
    if await _existing(client, request.name) is None:
        return PlannedChange.NOTHING, "the cluster has no image with this name"
    await _require_allowed(client, request)
    return PlannedChange.DELETE, "the image exists"


async def _existing(client: ImagesClient, name: str) -> Image | None:
    """Return an image, None if it does not exist. Raises NotFoundError if the cluster does not."""
    try:
        return await client.get(name)
    except NotFoundError:
        await client.list()  # it tells a missing cluster from a missing image
        return None


async def _require_allowed(client: ImagesClient, request: BuildRequest) -> None:
    """Raise as the operation would if queries use the image."""
    if request.options.protect_active:
        await require_inactive(client, request.name)


async def _switch(client: ImagesClient, request: BuildRequest) -> tuple[PlannedChange, str]:
    active = await client.active()
    match active:
        case ActiveImage(name):
            now = f"python() uses {name}"
        case UnknownImage(reason):
            now = f"it is unknown what python() runs on: {reason}"
        case _:
            now = "python() is disabled"
    if is_done(request, active) and not request.options.force:
        return PlannedChange.NOTHING, now
    if request.action is not Action.ENABLE:
        return PlannedChange.DISABLE, now
    if request.name not in MANAGED_IMAGES:
        await client.get(request.name)  # raises NotFoundError, as enabling would fail
    return PlannedChange.ENABLE, now
