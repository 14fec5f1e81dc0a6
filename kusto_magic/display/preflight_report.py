"""How the answer of a preflight looks: the verdict, what would be installed, and why something does not fit."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

from kusto_magic.preflight.report import Forecast, Package, Verdict

GLYPHS = {Verdict.FITS: "✔", Verdict.CLASH: "✖", Verdict.UNKNOWN: "?"}
HEAD = ("package", "version", "against the base", "reason", "download")


def size(count: int | None) -> str:
    """Return a number of bytes in words, "" where it is none or not known: "12 kB", "3.4 MB"."""
    if not count:
        return ""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB"
    return f"{count / 1_000_000:.1f} MB"


def headline(forecast: Forecast) -> str:
    """Return the verdict as one line."""
    checked = f"Python {forecast.python} on {forecast.checked_for}" if forecast.python else forecast.checked_for
    line = f"{GLYPHS[forecast.verdict]} {forecast.verdict.value} ({checked})"
    return f"{line}: {forecast.reason}" if forecast.reason else f"{line}: {summary(forecast)}"


def summary(forecast: Forecast) -> str:
    """Return the plan in a few words: how many packages, of which kind, how much to download."""
    count = Counter(package.status for package in forecast.packages)
    kinds = ", ".join(f"{number} {status.value}" for status, number in count.items())
    download = size(forecast.download_bytes)
    packages = "1 package" if len(forecast.packages) == 1 else f"{len(forecast.packages)} packages"
    return " · ".join(part for part in (packages, kinds, f"{download} to download" if download else "") if part)


def row(package: Package) -> tuple[str, ...]:
    """Return a package of the plan as the cells of a table."""
    against = f"{package.status.value} (was {package.was})" if package.was != package.version and package.was else ""
    asked = "asked for" if package.direct else "needed by another"
    return (package.name, package.version, against or package.status.value, asked, size(package.size))


def remarks(forecast: Forecast) -> list[str]:
    """Return the verdict, the warnings and the suggestions, a line each."""
    hints = [f"suggestion: {line}" for line in forecast.suggestions]
    return [headline(forecast), *(f"warning: {line}" for line in forecast.warnings), *hints]


def text(forecast: Forecast) -> str:
    """Return the whole answer as text."""
    first, *more = remarks(forecast)
    lines = [first, *(f"  {line}" for line in more)]
    rows = [HEAD, *map(row, forecast.packages)] if forecast.packages else []
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEAD))] if rows else []
    lines += ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
    return "\n".join(lines)


def html(forecast: Forecast) -> str:
    """Return the whole answer as plain html; the plan and the resolver's own words are folded."""
    first, *more = remarks(forecast)
    parts = [f"<p>{escape(first)}</p>"]
    if more:
        parts.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in more) + "</ul>")
    if forecast.packages:
        parts.append(f"<details><summary>the plan</summary>{_table(forecast)}</details>")
    if forecast.resolver_text:
        folded = f"<pre>{escape(forecast.resolver_text)}</pre>"
        parts.append(f"<details><summary>what the resolver says</summary>{folded}</details>")
    return "".join(parts)


def bundle(forecast: Forecast) -> dict[str, Any]:
    """Return the MIME bundle that shows a forecast alone."""
    return {"text/html": f"<div>{html(forecast)}</div>", "text/plain": text(forecast)}


def json(forecast: Forecast) -> dict[str, Any]:
    """Return the forecast as it is kept in a build's record."""
    return {
        "verdict": forecast.verdict.value,
        "python": forecast.python,
        "checkedFor": forecast.checked_for,
        "reason": forecast.reason,
        "warnings": list(forecast.warnings),
        "suggestions": list(forecast.suggestions),
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "status": package.status.value,
                "was": package.was,
                "bytes": package.size,
                "direct": package.direct,
            }
            for package in forecast.packages
        ],
    }


def _table(forecast: Forecast) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row(package)) + "</tr>" for package in forecast.packages
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
