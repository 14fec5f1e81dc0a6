"""What is known of the packages of an image: those of the check before its build, or those that a new check finds."""

from __future__ import annotations

from kusto_magic.builds.history import History
from kusto_magic.builds.record import BuildRecord
from kusto_magic.errors import RequirementsConflictError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.build_state import Outcome
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.models.target import Target
from kusto_magic.models.verification import Expectation, ExpectationSource, ExpectedPackage
from kusto_magic.preflight.report import Package, PreflightReport, Verdict

NOT_BUILT = "Note: this machine has not built the image; its packages are those that a check finds now."
"""Remark about the lock of an image that was not built here: `checked_lock`."""


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


def built_lock(history: History, target: Target, image: Image) -> Lock | None:
    """Return the lock of the check before an image was built, or None if this machine has not built it as it is."""
    record = history.last_built(target, image.name)
    lock = record.report.lock if record and record.report else None
    if lock is None:
        return None
    base, python = (lock.base_image, None) if lock.base_image else (None, lock.python)
    return lock if image.matches(ImageSpec(lock.requirements, base, python, is_validated=True)) else None


def checked_lock(report: PreflightReport) -> Lock:
    """Return the lock that the check of an image has found. Raises RequirementsConflictError if it has found none."""
    report.raise_for_conflict()
    if report.lock is None:
        what = f"the packages of the image could not be found: {report.reason or 'the check found none'}"
        raise RequirementsConflictError(what, forecast=report, hint=Hint(HintKind.RETRY))
    return report.lock
