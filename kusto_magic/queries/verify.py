"""Verifies an image: asks the sandbox of python() what it holds, and compares that with what was planned."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import NotActiveError, VerificationError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster import ActiveImage, Cluster, UnknownImage
from kusto_magic.models.inventory import Inventory, inventory_query
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.query_uri import query_uri
from kusto_magic.models.verification import Verification, direct_names, verify
from kusto_magic.queries import query_errors
from kusto_magic.queries.client import run_query
from kusto_magic.queries.expectation import FindPlan, find_expectation
from kusto_magic.queries.query import Query, RunQuery

QUERY_TIMEOUT = 300.0
"""Time limit of the query in seconds. A new sandbox takes 10 to 15 s (documentation), imports can take minutes."""

SYSTEM_DATABASE = "NetDefaultDB"
"""The database in which commands about the cluster run. Source: documentation of the query API."""

STOPPED = frozenset({"stopped", "stopping", "starting", "deleting", "deleted", "unavailable"})
"""States of a cluster that answers no query. Source: the enum `State` of the API description."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to verify: with `imports`, the packages that the requirements name are also imported; `database` or "".

    `timeout` is the time limit of the query in seconds.
    """

    imports: bool = False
    database: str = ""
    timeout: float = QUERY_TIMEOUT


async def verify_image(
    client: ImagesClient, name: str, find_plan: FindPlan, options: VerifyOptions, run: RunQuery = run_query
) -> Verification:
    """Compare what the sandbox holds with what the image `name` should hold; "" for the active image.

    One query is sent to the cluster's own address. Raises NotActiveError if python() runs on another image or is off,
    QueryError, ForbiddenError, SignInError, and the errors of `ImagesClient.cluster` and `get`.
    """
    cluster = await client.cluster()
    active = await _require_active(client, cluster, name)
    expectation = await find_expectation(client, active, find_plan)
    uri = query_uri(cluster.uri, client.target)
    imports = direct_names(expectation.packages) if options.imports else ()
    # The token is for this cluster alone. Source: documentation, "the audience is the cluster's URI".
    token = await client.token(f"{uri}/.default")
    query = Query(uri, token, options.database, inventory_query(imports), options.timeout)
    query = query if query.database else replace(query, database=await _database(query, run))
    return verify(active, expectation, _inventory(await run(query)), query.database, imports)


def require_success(found: Verification, *, is_shown: bool = False) -> None:
    """Raise VerificationError if the image does not hold what it should; `is_shown` is whether a result shows it."""
    if error := failure_of(found):
        error.is_shown = is_shown
        raise error


def failure_of(found: Verification) -> VerificationError | None:
    """Return the error that says why the image does not hold what it should, and what to do; None if it does."""
    if found.succeeded:
        return None
    if found.differences or not found.is_python_right:
        what, kind = f"image {found.image!r} is not {found.expectation.wanted}", HintKind.REBUILD_IMAGE
    else:
        number = len(found.failed_imports)
        what, kind = f"{number} packages of image {found.image!r} cannot be imported", HintKind.FIX_REQUIREMENTS
    return VerificationError(what, verification=found, hint=Hint(kind, found.image))


async def _require_active(client: ImagesClient, cluster: Cluster, name: str) -> str:
    """Return the active image. Raises NotActiveError if it is not `name`, NotFoundError if there is no such image."""
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
        raise NotActiveError(f"image {name!r} cannot be verified: queries use image {state.name!r}", hint=hint)
    raise NotActiveError("python() is off: no query can run Python", hint=hint)


async def _database(query: Query, run: RunQuery) -> str:
    """Return the first database that the account may query. Raises QueryError if there is none."""
    command = replace(query, database=SYSTEM_DATABASE, text=".show databases", is_management=True)
    names = [str(row.get("DatabaseName", "")) for row in await run(command)]
    found = [name for name in names if name and name != SYSTEM_DATABASE]
    if not found:
        raise query_errors.no_database()
    return found[0]


def _inventory(rows: object) -> Inventory:
    try:
        return Inventory.from_rows(rows)  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError):
        raise query_errors.unreadable() from None
