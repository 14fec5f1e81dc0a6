"""JSON of a preflight report, as cards, the history and the Jupyter server have it.

It has no output of the resolver, which can be long, and no index options. Of the lock it has only the digest, except in
the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kusto_magic.hints import hint_from_json, hint_json
from kusto_magic.models.lock import lock_from_json, lock_json
from kusto_magic.preflight.report import Fix, Package, PreflightReport, Status, Suggestion, Verdict
from kusto_magic.requirements.correction import correction_from_json, correction_json


def report_json(report: PreflightReport) -> dict[str, Any]:
    """Return a report as JSON; suggestions for a line are in `fixes`, others in `suggestions`."""
    fixes = [suggestion for suggestion in report.suggestions if isinstance(suggestion, Fix)]
    return {
        "verdict": report.verdict.value,
        "python": report.python,
        "checkedFor": report.platform,
        "reason": report.reason,
        "warnings": list(report.warnings),
        "fixes": [{"line": fix.line, "text": fix.text, "sentence": fix.sentence} for fix in fixes],
        "suggestions": [suggestion for suggestion in report.suggestions if not isinstance(suggestion, Fix)],
        "hint": hint_json(report.hint),
        "problems": list(report.problems),
        "correction": correction_json(report.correction),
        "packages": [_package_json(package) for package in report.packages],
        "baseList": report.base_list,
        **({"lock": {"digest": report.lock.digest, "excludeNewer": report.lock.exclude_newer}} if report.lock else {}),
    }


def stored_json(report: PreflightReport) -> dict[str, Any]:
    """Return a report as JSON with all of its lock, for the history."""
    return report_json(report) | ({"lock": lock_json(report.lock)} if report.lock else {})


def report_from_json(document: Mapping[str, Any]) -> PreflightReport:
    """Return the report of a JSON document. Raises KeyError, TypeError or ValueError if it is not one."""
    suggestions: tuple[Suggestion, ...] = (
        *(Fix(fix["line"], fix["text"], fix["sentence"]) for fix in document["fixes"]),
        *document["suggestions"],
    )
    return PreflightReport(
        Verdict(document["verdict"]),
        document["python"],
        packages=tuple(map(_package, document["packages"])),
        reason=document["reason"],
        warnings=tuple(document["warnings"]),
        suggestions=suggestions,
        hint=hint_from_json(document["hint"]),
        platform=document["checkedFor"],
        problems=tuple(document.get("problems", ())),  # missing in stored reports of older versions
        correction=correction_from_json(document.get("correction")),
        lock=lock_from_json(document.get("lock", {})),
        base_list=str(document.get("baseList", "")),
    )


def _package_json(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "status": package.status.value,
        "was": package.version_in_base,
        "bytes": package.size,
        "direct": package.direct,
    }


def _package(document: Mapping[str, Any]) -> Package:
    return Package(
        document["name"],
        document["version"],
        Status(document["status"]),
        document["was"],
        document["bytes"],
        direct=document["direct"],
    )
