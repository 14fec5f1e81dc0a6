"""The sandbox of a cluster's python(): which image it runs, and a query for what that holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import NotActiveError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster import ActiveImage, Cluster, UnknownImage
from kusto_magic.models.cluster_contents import SandboxPolicy
from kusto_magic.models.inventory import Inventory, inventory_query
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.query_uri import query_uri
from kusto_magic.queries import query_errors
from kusto_magic.queries.query import DATABASES, POLICY, Query, Rows, RunQuery

QUERY_TIMEOUT = 300.0
"""Time limit of the query in seconds. A new sandbox takes 10 to 15 s (documentation), imports can take minutes."""

COMMAND_TIMEOUT = 30.0
"""Time limit in seconds of a command that is not needed for the result."""

SYSTEM_DATABASE = "NetDefaultDB"
"""The database in which commands about the cluster run. Source: documentation of the query API."""

STOPPED = frozenset({"stopped", "stopping", "starting", "deleting", "deleted", "unavailable"})
"""States of a cluster that answers no query. Source: the enum `State` of the API description."""


async def require_active(client: ImagesClient, cluster: Cluster, name: str, participle: str) -> str:
    """Return the active image of a cluster that answers queries.

    Raises NotActiveError if it is not `name` or the cluster is stopped, NotFoundError if there is no such image. `name`
    is "" for any image; `participle` is what an error says that another one cannot be ("verified").
    """
    if cluster.state.lower() in STOPPED:
        raise NotActiveError(f"the cluster is {cluster.state.lower()}: no query can run", hint=Hint(HintKind.RETRY))
    state = cluster.python
    if isinstance(state, ActiveImage) and (not name or state.is_named(name)):
        return state.name
    if isinstance(state, UnknownImage):
        what = f"which image queries use is unknown: {state.reason}"
        raise NotActiveError(what, hint=state.hint or Hint(HintKind.RETRY))
    if name and name not in MANAGED_IMAGES:
        await client.get(name)  # what does not exist cannot be enabled
    hint = Hint(HintKind.ENABLE_BEFORE, name) if name else Hint(HintKind.ENABLE_IMAGE)
    if isinstance(state, ActiveImage):
        raise NotActiveError(f"image {name!r} cannot be {participle}: queries use image {state.name!r}", hint=hint)
    raise NotActiveError("python() is off: no query can run Python", hint=hint)


async def require_unchanged(client: ImagesClient, active: str) -> None:
    """Raise NotActiveError if queries do not use the image any more that was active before a query."""
    state = (await client.cluster()).python
    if not (isinstance(state, ActiveImage) and state.is_named(active)):
        what = f"queries changed from image {active!r} to another one while it was queried"
        raise NotActiveError(what, hint=Hint(HintKind.RETRY))


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Queries of one cluster; `query` has its address, a token for it alone, and the database ("": the first)."""

    query: Query
    run: RunQuery

    @classmethod
    async def open(
        cls, client: ImagesClient, cluster: Cluster, database: str, timeout: float, run: RunQuery
    ) -> Sandbox:
        """Sign in for the queries of a cluster; `timeout` is their time limit in seconds.

        Raises UntrustedAddressError and SignInError.
        """
        uri = query_uri(cluster.uri, client.target)
        # The token is for this cluster alone. Source: documentation, "the audience is the cluster's URI".
        token = await client.token(f"{uri}/.default")
        return cls(Query(uri, token, database, "", timeout), run)

    async def inventory(self, imports: tuple[str, ...] = ()) -> tuple[Inventory, str]:
        """Return what the active image holds, and the database of the query. Raises QueryError."""
        database = self.query.database or await self._first_database()
        rows = await self.run(replace(self.query, database=database, text=inventory_query(imports)))
        try:
            return Inventory.from_rows(rows), database
        except (ValueError, TypeError, AttributeError):
            raise query_errors.unreadable() from None

    async def policy(self, now: datetime) -> SandboxPolicy:
        """Return the policy of the sandboxes of python(). Raises QueryError, and ForbiddenError without the rights."""
        limited = replace(self, query=replace(self.query, timeout=min(self.query.timeout, COMMAND_TIMEOUT)))
        try:
            [row] = await limited._command(POLICY)
            text = str(row.get("Policy") or "null")
            return SandboxPolicy.of_policy(json.loads(text), now)
        except (ValueError, AttributeError, RecursionError):
            raise query_errors.unreadable() from None

    async def _first_database(self) -> str:
        """Return the first database that the account may query. Raises QueryError if there is none."""
        names = [str(row.get("DatabaseName", "")) for row in await self._command(DATABASES)]
        found = [name for name in names if name and name != SYSTEM_DATABASE]
        if not found:
            raise query_errors.no_database()
        return found[0]

    async def _command(self, text: str) -> Rows:
        return await self.run(replace(self.query, database=SYSTEM_DATABASE, text=text, is_management=True))
