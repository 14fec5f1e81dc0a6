"""Verifies an image: asks the sandbox of python() what it holds, and compares that with what was planned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from kusto_magic.arm.base_chain import resolve_base_chain
from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import NotActiveError, VerificationError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models import managed_packages
from kusto_magic.models.cluster import ActiveImage, Cluster, PythonOff, PythonState
from kusto_magic.models.image import Image
from kusto_magic.models.inventory import Inventory, inventory_query
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.query_uri import query_uri
from kusto_magic.models.verification import (
    Expectation,
    ExpectationSource,
    ExpectedPackage,
    Verification,
    direct_names,
    verify,
)
from kusto_magic.queries import query_errors
from kusto_magic.queries.client import run_query
from kusto_magic.queries.query import Query, RunQuery
from kusto_magic.requirements import parser

QUERY_TIMEOUT = 300.0
"""Time limit of the query in seconds. A new sandbox takes 10 to 15 s (documentation), imports can take minutes."""

SYSTEM_DATABASE = "NetDefaultDB"
"""The database in which commands about the cluster run. ExpectationSource: documentation of the query API."""

_NO_PLAN = Expectation("", (), ExpectationSource.REQUIREMENTS)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to verify: with `imports`, the packages that the requirements name are also imported; `database` or "".

    `timeout` is the time limit of the query in seconds.
    """

    imports: bool = False
    database: str = ""
    timeout: float = QUERY_TIMEOUT


FindPlan = Callable[[Image], Awaitable[Expectation | None]]
"""Returns what the check before the build of an image planned, or None if this machine knows no such check."""


async def verify_image(
    client: ImagesClient, name: str, find_plan: FindPlan, options: VerifyOptions, run: RunQuery = run_query
) -> Verification:
    """Compare what the sandbox holds with what the image `name` should hold; "" for the active image.

    One query is sent to the cluster's own address. Raises NotActiveError if python() runs on another image or is off,
    QueryError, ForbiddenError, SignInError, and the errors of `ImagesClient.cluster` and `get`.
    """
    cluster = await client.cluster()
    active = _require_active(cluster, name)
    expectation = await _expectation(client, active, find_plan)
    uri = query_uri(cluster.uri, client.target)
    imports = direct_names(expectation.packages) if options.imports else ()
    # The token is for this cluster alone. ExpectationSource: documentation, "the audience is the cluster's URI".
    query = Query(
        uri, await client.token(f"{uri}/.default"), options.database, inventory_query(imports), options.timeout
    )
    query = query if query.database else replace(query, database=await _database(query, run))
    inventory = _inventory(await run(query))
    return verify(active, expectation, inventory, query.database)


def require_success(found: Verification, *, is_shown: bool = False) -> None:
    """Raise VerificationError if the image does not hold what it should; `is_shown` is whether a result shows it."""
    if not found.succeeded:
        what = f"image {found.image!r} is not {found.expectation.wanted}"
        error = VerificationError(what, verification=found, hint=Hint(HintKind.REBUILD_IMAGE, found.image))
        error.is_shown = is_shown
        raise error


def _require_active(cluster: Cluster, name: str) -> str:
    """Return the name of the active image. Raises NotActiveError if it is not `name`."""
    match cluster.python:
        case ActiveImage(active) if not name or cluster.python.is_named(name):
            return active
        case ActiveImage(active):
            what = f"image {name!r} cannot be verified: queries use image {active!r}"
            raise NotActiveError(what, hint=Hint(HintKind.ENABLE_BEFORE, name))
        case PythonOff():
            hint = Hint(HintKind.ENABLE_BEFORE, name) if name else Hint(HintKind.ENABLE_IMAGE)
            raise NotActiveError("python() is off: no query can run Python", hint=hint)
        case unknown:
            raise NotActiveError(_unknown(unknown), hint=unknown.hint or Hint(HintKind.RETRY))


def _unknown(state: PythonState) -> str:
    return f"which image queries use is unknown: {getattr(state, 'reason', state)}"


async def _expectation(client: ImagesClient, name: str, find_plan: FindPlan) -> Expectation:
    if name in MANAGED_IMAGES:
        listed = managed_packages.packages(name)
        packages = tuple(ExpectedPackage(package, f"=={version}", direct=False) for package, version in listed.items())
        return Expectation(MANAGED_IMAGES[name].python, packages, ExpectationSource.LISTED)
    image = await client.get(name)
    chain = await resolve_base_chain(client, image.readable_spec()) if image.base_image else None
    planned = await find_plan(image) or _required(image)
    base = (chain.managed if chain else "") or ""
    python = chain.python if chain else image.language_version
    return replace(planned, python=python, base=base, listed=managed_packages.packages(base))


def _required(image: Image) -> Expectation:
    read = parser.read(image.requirements)
    # Lines with a marker may not apply; the others are what the image must hold.
    packages = tuple(ExpectedPackage(it.name, it.specifier) for it in read.packages if not it.marker)
    return replace(_NO_PLAN, packages=packages)


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
