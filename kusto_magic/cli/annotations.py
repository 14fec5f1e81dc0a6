"""Findings about a requirements file: as annotations of GitHub Actions, and as SARIF.

Sources: "Workflow commands for GitHub Actions"; OASIS, "Static Analysis Results Interchange Format (SARIF) Version
2.1.0".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from kusto_magic.cli.arguments import PROGRAM
from kusto_magic.display.command_hints import SHELL_SYNTAX
from kusto_magic.display_text import visible
from kusto_magic.errors import InvalidInputError, KustoImageError, RequirementsConflictError, VerificationError
from kusto_magic.preflight.report import Fix, PreflightReport, Verdict
from kusto_magic.requirements.line_origins import LineOrigin

RULES = {
    "invalid-requirements": "The requirements or the arguments break a rule",
    "conflict": "The requirements cannot be installed",
    "check": "A remark of the check",
    "failure": "The command has failed",
}
"""The rules of the findings, by id."""

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "notice": "note"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: `level` is "error", "warning" or "notice"; `file` and `line` are "" and None if it has no place."""

    rule: str
    level: str
    message: str
    file: str = ""
    line: int | None = None


def findings(file: str, error: BaseException | None, report: PreflightReport | None) -> list[Finding]:
    """Return what an error and the report of a check say about a requirements file."""
    if isinstance(error, RequirementsConflictError):
        report = error.forecast
        error = None if report.verdict is Verdict.CONFLICT else error  # the report does not say why it was refused
    found = [*(_of_report(file, report) if report else ()), *(_of_error(file, error) if error else ())]
    return list(dict.fromkeys(found))


def _of_error(file: str, error: BaseException) -> Iterator[Finding]:
    if isinstance(error, InvalidInputError):
        for problem in error.problems:
            message = problem.text(SHELL_SYNTAX.hints)
            message += f"; use {problem.fix}" if problem.fix not in message else ""  # "" is in every text
            path = str(PurePath(file).parent / problem.file) if problem.file else file
            yield Finding("invalid-requirements", "error", message, path if problem.line else "", problem.line)
    elif isinstance(error, VerificationError):
        found = error.verification
        different = [f"- {difference}" for difference in found.differences]
        different += [f"- {name}: {failure}" for name, failure in found.failed_imports.items()]
        yield Finding("failure", "error", "\n".join([*error.lines(SHELL_SYNTAX.hints), *different]))
    elif isinstance(error, KustoImageError):
        yield Finding("failure", "error", "\n".join(error.lines(SHELL_SYNTAX.hints)))
    else:
        yield Finding("failure", "error", type(error).__name__)


def _of_report(file: str, report: PreflightReport) -> Iterator[Finding]:
    if report.verdict is Verdict.CONFLICT:
        yield from _of_conflict(file, report)
    elif report.verdict is Verdict.INCONCLUSIVE:
        yield Finding("check", "warning", f"the check is inconclusive: {report.reason}", file)
    for warning in report.warnings:
        yield Finding("check", "warning", warning, file)


def _of_conflict(file: str, report: PreflightReport) -> Iterator[Finding]:
    changes = report.correction.changes if report.correction else ()
    for change in changes:
        instead = "leave it out" if change.is_left_out else f"use {change.after.strip()}"
        yield _at(file, report, change.line, f"{change.code}: {change.reason or report.reason}; {instead}")
    if changes:
        return
    fixes = [suggestion for suggestion in report.suggestions if isinstance(suggestion, Fix)]
    yield from (_at(file, report, fix.line, f"{report.reason}; {fix.sentence}") for fix in fixes)
    if not fixes:
        message = "\n".join([report.reason, *report.problems, *map(str, report.suggestions)])
        yield Finding("conflict", "error", message, file, 1)


def _at(file: str, report: PreflightReport, line: int, message: str) -> Finding:
    """Return the finding for a line of the text, at the place that the user knows."""
    origin = report.line_origins[line - 1] if line <= len(report.line_origins) else LineOrigin(line)
    path = str(PurePath(file).parent / origin.file) if origin.file else file
    return Finding("conflict", "error", message, path, origin.line)


def github(found: Sequence[Finding]) -> str:
    """Return findings as annotations of GitHub Actions, a line each."""
    return "".join(f"{_annotation(finding)}\n" for finding in found)


def _annotation(finding: Finding) -> str:
    place = {"file": PurePath(finding.file).as_posix() if finding.file else "", "line": finding.line or ""}
    properties = [f"{name}={_property(str(value))}" for name, value in place.items() if value]
    properties.append(f"title={_property(PROGRAM)}")
    return f"::{finding.level} {','.join(properties)}::{_data(visible(finding.message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def _uri(path: PurePath) -> str:
    """Return a path as a URI, relative if the path is."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def sarif(found: Sequence[Finding], exit_code: int = 0) -> dict[str, Any]:
    """Return findings as a SARIF log with one run; `exit_code` is that of the command."""
    used = [rule for rule in RULES if any(finding.rule == rule for finding in found)]
    rules = [{"id": rule, "shortDescription": {"text": RULES[rule]}} for rule in used]
    driver = {"name": PROGRAM, "version": version("kusto-magic"), "rules": rules}
    results = [_result(finding, used.index(finding.rule)) for finding in found]
    invocation = {"executionSuccessful": exit_code in (0, 2, 3, 10), "exitCode": exit_code}
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.level],
        "message": {"text": visible(finding.message)},
    }
    if finding.file:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(PurePath(finding.file))}}
        if finding.line:
            place["region"] = {"startLine": finding.line}
        result["locations"] = [{"physicalLocation": place}]
    return result
