"""Reads what the active managed image really contains, and the sandbox policy, and keeps both for later checks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from kusto_magic.arm.base_chain import resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import KustoImageError, NotActiveError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster_contents import BaseList, SandboxPolicy
from kusto_magic.models.image import ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.queries.client import run_query
from kusto_magic.queries.contents_store import ContentsStore
from kusto_magic.queries.query import RunQuery
from kusto_magic.queries.sandbox import QUERY_TIMEOUT, Sandbox, require_active, require_running


@dataclass(frozen=True, slots=True)
class LiveBase:
    """What was read: the list of the active managed image, and the policy of the cluster.

    `policy` is None if it could not be read, `policy_reason` says why. `database` is where the query ran; `unsaved` is
    why only this process keeps what was read, or "".
    """

    listed: BaseList
    policy: SandboxPolicy | None
    policy_reason: str
    database: str
    unsaved: str


async def read_base(
    client: ImagesClient, name: str, database: str, store: ContentsStore, now: datetime, run: RunQuery = run_query
) -> LiveBase:
    """Read the packages of the active image, which must be the managed image `name`, "" for any, and keep them.

    The policy is kept also if the list cannot be read. Raises NotActiveError, and as `verify_image` does.
    """
    cluster = await client.cluster()
    require_running(cluster)
    sandbox = await Sandbox.open(client, cluster, database, QUERY_TIMEOUT, run)
    policy, reason = await _policy(sandbox, now)
    known = await asyncio.to_thread(store.read, client.target)
    known = known if policy is None else replace(known, policy=policy)
    if policy is not None:
        await asyncio.to_thread(store.save, client.target, known)
    active = await require_active(client, cluster, name, "read")
    if active not in MANAGED_IMAGES:
        what = f"queries use custom image {active!r}, and only a managed image can be read"
        raise NotActiveError(what, hint=await _managed_below(client, active))
    inventory, database = await sandbox.inventory()
    listed = BaseList.of_inventory(active, inventory, now)
    unsaved = await asyncio.to_thread(store.save, client.target, known.with_list(listed))
    return LiveBase(listed, policy, reason, database, unsaved)


async def _managed_below(client: ImagesClient, image: str) -> Hint:
    """Return what to enable: the managed image below a custom one, if it is known."""
    chain = await resolve_base_chain(client, ImageSpec("", base_image=image, allow_no_packages=True))
    return Hint(HintKind.ENABLE_BEFORE, chain.managed) if chain.managed else Hint(HintKind.ENABLE_IMAGE)


async def _policy(sandbox: Sandbox, now: datetime) -> tuple[SandboxPolicy | None, str]:
    try:
        return await sandbox.policy(now), ""
    except KustoImageError as error:  # the rights for it are rare, and the list does not need it
        return None, error.what
