"""Display of a preflight report: the verdict, the packages to install, and the reason of a conflict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kusto_magic.display.bundle import Bundle, bundle_of, isolated, table
from kusto_magic.display_text import DisplayText, visible
from kusto_magic.hints import HintTable
from kusto_magic.models.lock import Lock
from kusto_magic.preflight.report import Fix, Package, PreflightReport, Status, Verdict
from kusto_magic.program_hints import PROGRAM
from kusto_magic.requirements.correction import LineChange

GLYPHS = {Verdict.COMPATIBLE: "✔", Verdict.CONFLICT: "✖", Verdict.INCONCLUSIVE: "?"}
"""Glyph of each verdict."""

HEAD = ("package", "version", "compared with base image", "reason", "download")
"""Column heads of the table of packages."""


def size_text(count: int | None) -> str:
    """Return a number of bytes as text ("12 kB", "3.4 MB"), or "" if it is zero or unknown."""
    if not count:
        return ""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"  # never "0 kB"
    return f"{count / 1_000_000:.1f} MB"


def headline(report: PreflightReport) -> str:
    """Return the verdict as one line."""
    checked = f"Python {report.python} on {report.platform}" if report.python else report.platform
    line = f"{GLYPHS[report.verdict]} {report.verdict.value} ({checked})"
    return f"{line}: {report.reason}" if report.reason else f"{line}: {summary(report)}"


def summary(report: PreflightReport) -> str:
    """Return a summary: the number of packages, their status, and the download size."""
    count = Counter(package.status for package in report.packages)
    kinds = ", ".join(f"{number} {status.value}" for status, number in count.items())
    download = size_text(report.download_bytes)
    packages = "1 package" if len(report.packages) == 1 else f"{len(report.packages)} packages"
    return " · ".join(part for part in (packages, kinds, f"{download} to download" if download else "") if part)


def row(package: Package) -> tuple[str, ...]:
    """Return a package as the cells of a table row."""
    change = (
        f"{package.status.value} (was {package.version_in_base})"
        if package.version_in_base != package.version and package.version_in_base
        else ""
    )
    compared = "unchanged" if package.status is Status.PRESENT else change or package.status.value
    reason = "requested" if package.direct else "dependency"
    return (package.name, package.version, compared, reason, size_text(package.size))


def remarks(report: PreflightReport, hints: HintTable = PROGRAM) -> list[str]:
    """Return the report in the words of `hints`, a line each; without the packages."""
    changed = {change.line: change.after for change in _changes(report)}
    others = [one for one in report.suggestions if not (isinstance(one, Fix) and one.line in changed)]
    suggestions = [*map(str, others), *([hints.text(report.hint)] if report.hint else [])]
    warnings = [f"warning: {line}" for line in report.warnings]
    changes = [] if report.problems else _change_lines(report)
    base = [f"compared with {report.base_list}"] if report.base_list else []
    locked = [f"lock: {report.lock.digest}{_limit(report.lock)}"] if report.lock else []
    return [
        headline(report),
        *base,
        *locked,
        *warnings,
        *report.problems,
        *changes,
        *(f"suggestion: {line}" for line in suggestions),
    ]


def _limit(lock: Lock) -> str:
    return f", releases until {lock.exclude_newer}" if lock.exclude_newer else ""


def _changes(report: PreflightReport) -> Sequence[LineChange]:
    return report.correction.changes if report.correction else ()


def _change_lines(report: PreflightReport) -> list[str]:
    """Return a line for each change; an applied correction has warnings of the lines that it leaves out."""
    is_proposed = report.verdict is Verdict.CONFLICT
    return [_change_line(report, change) for change in _changes(report) if is_proposed or not change.is_left_out]


def _change_line(report: PreflightReport, change: LineChange) -> str:
    where, after = report.label(change.line), change.after.strip()
    if change.is_left_out:
        return f"{where}: leave out {change.code}"
    if report.verdict is Verdict.CONFLICT and after:
        return f"{where}: use {after}"  # the reason is in the headline
    replaced = f"; replaced by {after}" if after else ""
    return f"{where} {change.code}: {change.reason}{replaced}"


def lines(report: PreflightReport, hints: HintTable = PROGRAM) -> list[str]:
    """Return the remarks, then the corrected requirements if there are any, ready to copy."""
    corrected = report.correction.lines() if report.correction else []
    return [*remarks(report, hints), *corrected]


def text(report: PreflightReport, hints: HintTable = PROGRAM) -> DisplayText:
    """Return the report as text."""
    first, *others = lines(report, hints)
    shown = [first, *(f"  {line}" for line in others)]
    if report.packages:
        shown += [f"  {line}" for line in _table(report)["text/plain"].splitlines()]
    return visible("\n".join(shown))


def html(report: PreflightReport, hints: HintTable = PROGRAM) -> str:
    """Return the report as plain HTML, with the packages and the resolver's output collapsed."""
    first, *others = remarks(report, hints)
    parts = [f"<p>{isolated(visible(first))}</p>"]
    if others:
        parts.append("<ul>" + "".join(f"<li>{isolated(visible(line))}</li>" for line in others) + "</ul>")
    if report.correction:
        parts.append(f"<p>{report.correction.heading}</p><pre>{isolated(visible(report.correction.text))}</pre>")
    if report.packages:
        parts.append(f"<details><summary>Packages</summary>{_table(report)['text/html']}</details>")
    if report.resolver_text:
        output = f"<pre>{isolated(visible(report.resolver_text))}</pre>"
        parts.append(f"<details><summary>Resolver output</summary>{output}</details>")
    return "".join(parts)


def bundle(report: PreflightReport, hints: HintTable = PROGRAM) -> Bundle:
    """Return the MIME bundle of a report without a build."""
    return bundle_of(f"<div>{html(report, hints)}</div>", text(report, hints))


def _table(report: PreflightReport) -> Bundle:
    return table(HEAD, map(row, report.packages), "")
