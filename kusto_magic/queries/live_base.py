"""Reads what the active managed image really contains, and the sandbox policy, and keeps both for later checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kusto_magic.arm.base_chain import resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import KustoImageError, NotActiveError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster_contents import BaseList, ClusterContents, SandboxPolicy
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.inventory import Inventory
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.queries import query_errors
from kusto_magic.queries.client import run_query
from kusto_magic.queries.contents_store import ContentsStore
from kusto_magic.queries.query import RunQuery
from kusto_magic.queries.sandbox import (
    QUERY_TIMEOUT,
    Sandbox,
    require_active,
    require_unchanged,
)

Now = Callable[[], datetime]
"""Returns the current time in UTC."""


@dataclass(frozen=True, slots=True)
class LiveBase:
    """What was read: the list of the active managed image. `policy` is what checks use from now on.

    `policy_reason` says why the policy could not be read now, or "". `database` is where the query ran; `unsaved` is
    why only this process keeps what was read, or "".
    """

    listed: BaseList
    policy: SandboxPolicy
    policy_reason: str
    database: str
    unsaved: str


async def read_base(
    client: ImagesClient, name: str, database: str, store: ContentsStore, now: Now, run: RunQuery = run_query
) -> LiveBase:
    """Read the packages of the active image, which must be the managed image `name`, "" for any, and keep them.

    The policy is kept also if a custom image is active, whose packages are not those of its base. Raises
    NotActiveError, and as `verify_image` does.
    """
    cluster = await client.cluster()
    active = await require_active(client, cluster, name, "read")
    sandbox = await Sandbox.open(client, cluster, database, QUERY_TIMEOUT, run)
    reason = await _keep_policy(client, sandbox, store, now)
    if active not in MANAGED_IMAGES:
        kept = "" if reason else "; the sandbox policy was read"
        what = f"queries use custom image {active!r}, and only a managed image can be read{kept}"
        raise NotActiveError(what, hint=await _managed_below(client, active))
    inventory, database = await sandbox.inventory()
    await require_unchanged(client, active)
    listed = _list(active, inventory, now())
    unsaved = await asyncio.to_thread(store.update, client.target, ClusterContents((listed,)))
    known = await asyncio.to_thread(store.read, client.target)
    return LiveBase(listed, known.policy, reason, database, unsaved)


async def _keep_policy(client: ImagesClient, sandbox: Sandbox, store: ContentsStore, now: Now) -> str:
    """Read the policy and keep it; return why that was not possible, or ""."""
    try:
        policy = await sandbox.policy(now())
    except KustoImageError as error:  # the rights for it are rare, and the list does not need it
        return error.what
    await asyncio.to_thread(store.update, client.target, ClusterContents(policy=policy))
    return ""


def _list(image: str, inventory: Inventory, read_at: datetime) -> BaseList:
    try:
        return BaseList.of_inventory(image, inventory, read_at)
    except ValueError:
        # Sandboxes that were started before the image was enabled may answer (documentation: up to 5 minutes).
        raise query_errors.other_image(image, inventory.python) from None


async def _managed_below(client: ImagesClient, image: str) -> Hint:
    """Return what to enable: the managed image below a custom one, if it is known."""
    chain = await resolve_base_chain(client, ImageSpec("", base_image=image, allow_no_packages=True))
    return Hint(HintKind.ENABLE_BEFORE, chain.managed) if chain.managed else Hint(HintKind.ENABLE_IMAGE)
