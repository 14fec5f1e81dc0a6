"""Display of a preflight report: the verdict, the packages to install, and the reason of a conflict."""

from __future__ import annotations

from collections import Counter

from kusto_magic.display.bundle import Bundle, bundle_of, isolated, table
from kusto_magic.display_text import DisplayText, visible
from kusto_magic.hints import HintTable
from kusto_magic.preflight.report import Package, PreflightReport, Status, Verdict
from kusto_magic.program_hints import PROGRAM

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
    reason = "requested" if package.direct else "dependency"
    # "unchanged", since the column compares with the base image.
    status = "unchanged" if package.status is Status.PRESENT else package.status.value
    return (package.name, package.version, change or status, reason, size_text(package.size))


def remarks(report: PreflightReport, hints: HintTable = PROGRAM) -> list[str]:
    """Return the verdict, the warnings and the suggestions, one line each, and the sentence of `hints`."""
    suggestions = [*map(str, report.suggestions), *([hints.text(report.hint)] if report.hint else [])]
    warnings = [f"warning: {line}" for line in report.warnings]
    return [headline(report), *warnings, *(f"suggestion: {line}" for line in suggestions)]


def text(report: PreflightReport, hints: HintTable = PROGRAM) -> DisplayText:
    """Return the report as text."""
    first, *others = remarks(report, hints)
    lines = [first, *(f"  {line}" for line in others)]
    if report.packages:
        lines += [f"  {line}" for line in _table(report)["text/plain"].splitlines()]
    return visible("\n".join(lines))


def html(report: PreflightReport, hints: HintTable = PROGRAM) -> str:
    """Return the report as plain HTML, with the packages and the resolver's output collapsed."""
    first, *others = remarks(report, hints)
    parts = [f"<p>{isolated(visible(first))}</p>"]
    if others:
        parts.append("<ul>" + "".join(f"<li>{isolated(visible(line))}</li>" for line in others) + "</ul>")
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
