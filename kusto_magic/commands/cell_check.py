"""Check of a cell whose requirements must be corrected: so that one answer has all problems and one correction."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from kusto_magic.builds.event_loop import result_or_cancel
from kusto_magic.commands.cell import CellInput, read_cell, requirements_text
from kusto_magic.commands.session import Session
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.preflight.report import PreflightReport, Verdict
from kusto_magic.requirements.correction import Correction, LineChange, aligned_text, combined


def read_cell_or_check(session: Session, options: Namespace, cell: str) -> CellInput:
    """Read a cell as `read_cell` does.

    If a correction is proposed that leaves no problem, it is checked, and the InvalidInputError has the lines that
    cannot be installed as well, and a correction of these too. Nothing is sent to the service.
    """
    try:
        return read_cell(session, options, cell)
    except InvalidInputError as error:
        if error.correction is None or not error.correction.is_complete:
            raise
        corrected = read_cell(session, Namespace(**{**vars(options), "fix": True}), cell)
        if corrected.spec.base_image not in {None, *MANAGED_IMAGES}:
            raise  # reading another base image would need a sign-in
        text = requirements_text(options, cell, session.shell.user_ns).text
        spec = replace(corrected.spec, requirements=aligned_text(text, error.correction))
        report = result_or_cancel(session.builds.check(corrected.targets[0], spec))
        raise _with_report(error, text, error.correction, report) from None


def _with_report(
    error: InvalidInputError, text: str, proposed: Correction, report: PreflightReport
) -> InvalidInputError:
    """Return the error with the problems that the check of its correction has found."""
    if report.verdict is not Verdict.CONFLICT:
        checked = replace(proposed, is_checked=report.verdict is Verdict.COMPATIBLE)
        return InvalidInputError(error.problems, hint=error.hint, correction=checked)
    if report.correction is None:
        found = [Problem("corrected requirements", reason) for reason in (report.problems or (report.reason,))]
        return InvalidInputError([*error.problems, *found], correction=replace(proposed, is_complete=False))
    correction = combined(text, proposed, report.correction)
    more = [change for change in correction.changes if change not in proposed.changes]
    known = [problem for problem in error.problems if problem.line not in {change.line for change in more}]
    problems = sorted([*known, *(_problem(each, proposed) for each in more)], key=lambda problem: problem.line or 0)
    return InvalidInputError(problems, hint=error.hint, correction=correction)


def _problem(change: LineChange, proposed: Correction) -> Problem:
    is_new = change.line not in {each.line for each in proposed.changes}
    subject = f"{change.before.strip()}: " if is_new else ""  # the reasons of a proposal name the line
    instruction = "leave it out" if change.is_left_out else f"write {change.after}" if change.after else "delete it"
    fix = change.after if "\n" not in change.after + change.before else ""
    return Problem("requirements", f"{subject}{change.reason}; {instruction}", change.line, fix=fix)
