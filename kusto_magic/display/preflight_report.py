"""How the answer of a preflight looks: the verdict, what would be installed, and why something does not fit."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

from kusto_magic.preflight.report import Package, PreflightReport, Verdict

GLYPHS = {Verdict.COMPATIBLE: "✔", Verdict.CONFLICT: "✖", Verdict.INCONCLUSIVE: "?"}
HEAD = ("package", "version", "against the base", "reason", "download")


def size_text(count: int | None) -> str:
    """Return a number of bytes in words, "" where it is none or not known: "12 kB", "3.4 MB"."""
    if not count:
        return ""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"
    return f"{count / 1_000_000:.1f} MB"


def headline(report: PreflightReport) -> str:
    """Return the verdict as one line."""
    checked = f"Python {report.python} on {report.python_checked}" if report.python else report.python_checked
    line = f"{GLYPHS[report.verdict]} {report.verdict.value} ({checked})"
    return f"{line}: {report.reason}" if report.reason else f"{line}: {summary(report)}"


def summary(report: PreflightReport) -> str:
    """Return the plan in a few words: how many packages, of which kind, how much to download."""
    count = Counter(package.status for package in report.packages)
    kinds = ", ".join(f"{number} {status.value}" for status, number in count.items())
    download = size_text(report.download_bytes)
    packages = "1 package" if len(report.packages) == 1 else f"{len(report.packages)} packages"
    return " · ".join(part for part in (packages, kinds, f"{download} to download" if download else "") if part)


def row(package: Package) -> tuple[str, ...]:
    """Return a package of the plan as the cells of a table."""
    against = (
        f"{package.status.value} (was {package.version_in_base})"
        if package.version_in_base != package.version and package.version_in_base
        else ""
    )
    asked = "asked for" if package.direct else "needed by another"
    return (package.name, package.version, against or package.status.value, asked, size_text(package.size))


def remarks(report: PreflightReport) -> list[str]:
    """Return the verdict, the warnings and the suggestions, a line each."""
    hints = [f"suggestion: {line}" for line in report.suggestions]
    return [headline(report), *(f"warning: {line}" for line in report.warnings), *hints]


def text(report: PreflightReport) -> str:
    """Return the whole answer as text."""
    first, *more = remarks(report)
    lines = [first, *(f"  {line}" for line in more)]
    rows = [HEAD, *map(row, report.packages)] if report.packages else []
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEAD))] if rows else []
    lines += ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
    return "\n".join(lines)


def html(report: PreflightReport) -> str:
    """Return the whole answer as plain html; the plan and the resolver's own words are folded."""
    first, *more = remarks(report)
    parts = [f"<p>{escape(first)}</p>"]
    if more:
        parts.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in more) + "</ul>")
    if report.packages:
        parts.append(f"<details><summary>the plan</summary>{_table(report)}</details>")
    if report.resolver_text:
        folded = f"<pre>{escape(report.resolver_text)}</pre>"
        parts.append(f"<details><summary>what the resolver says</summary>{folded}</details>")
    return "".join(parts)


def bundle(report: PreflightReport) -> dict[str, Any]:
    """Return the MIME bundle that shows a forecast alone."""
    return {"text/html": f"<div>{html(report)}</div>", "text/plain": text(report)}


def json(report: PreflightReport) -> dict[str, Any]:
    """Return the forecast as it is kept in a build's record."""
    return {
        "verdict": report.verdict.value,
        "python": report.python,
        "checkedFor": report.python_checked,
        "reason": report.reason,
        "warnings": list(report.warnings),
        "suggestions": list(report.suggestions),
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "status": package.status.value,
                "was": package.version_in_base,
                "bytes": package.size,
                "direct": package.direct,
            }
            for package in report.packages
        ],
    }


def _table(report: PreflightReport) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row(package)) + "</tr>" for package in report.packages
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
