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
    builds = (it for it in history.of_image(target, image.name) if _has_plan(it, image))
    record = next(builds, None)
    if record is None or record.report is None:
        return None
    packages = tuple(map(_expected, record.report.packages))
    return Expectation(record.report.python, packages, ExpectationSource.PLAN, record.started_at)


def _has_plan(record: BuildRecord, image: Image) -> bool:
    """Return whether a record is of a build of what the image is now, with a complete check."""
    spec, report = record.request.spec, record.report
    is_built = record.request.info.creates_image and record.state.outcome is Outcome.SUCCEEDED
    is_checked = report is not None and report.verdict is Verdict.COMPATIBLE
    return is_built and is_checked and spec is not None and image.matches(spec)


def _expected(package: Package) -> ExpectedPackage:
    return ExpectedPackage(package.name, f"=={package.version}", package.direct)
