"""What the history knows of the plan of an image: the packages that the check before its build selected."""

from __future__ import annotations

from kusto_magic.builds.history import History
from kusto_magic.builds.record import BuildRecord
from kusto_magic.models.build_state import Outcome
from kusto_magic.models.image import Image
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Expectation, ExpectationSource, ExpectedPackage
from kusto_magic.preflight.report import Package, Verdict


def planned(history: History, target: Target, image: Image) -> Expectation | None:
    """Return what the check planned for an image as it is now, or None. Reads the history."""
    builds = (record for record in history.of_image(target, image.name) if _is_build_of(record, image))
    record = next(builds, None)  # of an earlier one, other versions may have been planned
    report = record.report if record else None
    if record is None or report is None or report.verdict is not Verdict.COMPATIBLE:
        return None
    return Expectation(report.python, tuple(map(_expected, report.packages)), ExpectationSource.PLAN, record.started_at)


def _is_build_of(record: BuildRecord, image: Image) -> bool:
    """Return whether a record is of a build of what the image is now, which has not failed as far as is known."""
    spec, outcome = record.request.spec, record.state.outcome
    is_built = record.request.info.creates_image and outcome in (Outcome.SUCCEEDED, None)
    return is_built and spec is not None and image.matches(spec)


def _expected(package: Package) -> ExpectedPackage:
    return ExpectedPackage(package.name, f"=={package.version}", package.direct)
