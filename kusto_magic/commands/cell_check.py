"""Check of a cell whose requirements must be corrected: so that one answer has all problems and one correction."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from kusto_magic.commands.cell import CellInput, read_cell, requirements_text
from kusto_magic.commands.session import Session
from kusto_magic.errors import InvalidInputError, Problem
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.preflight.report import Fix, PreflightReport, Verdict
from kusto_magic.requirements.correction import Correction, combined


def read_cell_or_check(session: Session, options: Namespace, cell: str) -> CellInput:
    """Read a cell as `read_cell` does.

    If a correction is proposed that leaves no problem, it is checked, and the InvalidInputError has the lines that
    cannot be installed as well, and a correction of these too. Nothing is sent to Azure.
    """
    try:
        return read_cell(session, options, cell)
    except InvalidInputError as error:
        proposed = error.correction
        if proposed is None or not proposed.is_complete or options.no_check or options.clusters_from is not None:
            raise
        corrected = _corrected_input(session, options, cell)
        # Reading another base image would need a sign-in.
        if corrected is None or corrected.spec.base_image not in {None, *MANAGED_IMAGES}:
            raise
        report = session.check(next(iter(corrected.targets), None), corrected.spec)
        text = requirements_text(options, cell, session.variables).text
        raise _with_report(error, text, proposed, report) from None


def _corrected_input(session: Session, options: Namespace, cell: str) -> CellInput | None:
    try:
        return read_cell(session, Namespace(**{**vars(options), "fix": True}), cell)
    except InvalidInputError:
        return None  # something else is wrong with the cell


def _with_report(
    error: InvalidInputError, text: str, proposed: Correction, report: PreflightReport
) -> InvalidInputError:
    """Return the error with the problems that the check of its correction has found."""
    if report.verdict is not Verdict.CONFLICT:
        checked = replace(proposed, is_checked=report.verdict is Verdict.COMPATIBLE)
        return InvalidInputError(error.problems, hint=error.hint, correction=checked)
    whole = combined(text, proposed, report.correction) if report.correction else None
    sentences = [*(report.problems or _single_problem(report)), *report.warnings]
    sentences += [suggestion for suggestion in report.suggestions if isinstance(suggestion, str)]
    problems = [*error.problems, *(Problem("corrected requirements", sentence) for sentence in sentences)]
    if whole is None:
        return InvalidInputError(problems, correction=replace(proposed, is_complete=False))
    return InvalidInputError(problems, hint=error.hint, correction=whole)


def _single_problem(report: PreflightReport) -> list[str]:
    fixes = [str(suggestion) for suggestion in report.suggestions if isinstance(suggestion, Fix)]
    return ["; ".join([report.reason, *fixes])]
