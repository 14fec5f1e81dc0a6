"""Verifies an image: asks the sandbox of python() what it holds, and compares that with what was planned."""

from __future__ import annotations

from dataclasses import dataclass

from kusto_magic.arm.client import ImagesClient
from kusto_magic.errors import VerificationError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.cluster_contents import NOTHING_READ, ClusterContents
from kusto_magic.models.verification import ExpectationSource, Verification, direct_names, verify
from kusto_magic.queries.client import run_query
from kusto_magic.queries.expectation import FindPlan, find_expectation
from kusto_magic.queries.query import RunQuery
from kusto_magic.queries.sandbox import QUERY_TIMEOUT, Sandbox, require_active, require_unchanged


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to verify: with `imports`, the packages that the requirements name are also imported; `database` or "".

    `timeout` is the time limit of the query in seconds.
    """

    imports: bool = False
    database: str = ""
    timeout: float = QUERY_TIMEOUT


async def verify_image(
    client: ImagesClient,
    name: str,
    find_plan: FindPlan,
    options: VerifyOptions,
    run: RunQuery = run_query,
    contents: ClusterContents = NOTHING_READ,
) -> Verification:
    """Compare what the sandbox holds with what the image `name` should hold; "" for the active image.

    One query is sent to the cluster's own address. `contents` is what was read from the cluster before, for managed
    images. Raises NotActiveError if python() runs on another image or is off, QueryError, ForbiddenError, SignInError,
    and the errors of `ImagesClient.cluster` and `get`.
    """
    cluster = await client.cluster()
    active = await require_active(client, cluster, name, "verified")
    expectation = await find_expectation(client, active, find_plan, contents)
    imports = direct_names(expectation.packages) if options.imports else ()
    sandbox = await Sandbox.open(client, cluster, options.database, options.timeout, run)
    inventory, database = await sandbox.inventory(imports)
    await require_unchanged(client, active)
    return verify(active, expectation, inventory, database, imports, contents.policy)


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
        what = f"image {found.image!r} is not {found.expectation.wanted}"
        is_managed = found.expectation.source is ExpectationSource.LISTED
        hint = Hint(HintKind.READ_BASE if is_managed else HintKind.REBUILD_IMAGE, found.image)
    else:
        number = len(found.failed_imports)
        what = f"{number} packages of image {found.image!r} cannot be imported"
        hint = Hint(HintKind.FIX_REQUIREMENTS, found.image)
    return VerificationError(what, verification=found, hint=hint)
