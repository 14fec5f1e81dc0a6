"""The result of a check as HTML: the verdict, the packages to install, and what to do about a conflict."""

from __future__ import annotations

from kusto_magic.display.preflight_report import summary
from kusto_magic.models.build_state import Outcome
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.markup import TONES, text_html
from kusto_magic.preflight.report import Package, PreflightReport, Status, Verdict

NOT_CHECKED = "Check shows what would be installed. Nothing is sent to Azure."
CHECKING = "Checking …"

_HEADLINES = {
    Verdict.COMPATIBLE: ("✔ These packages install together", TONES[Outcome.SUCCEEDED]),
    Verdict.CONFLICT: ("✖ These requirements cannot be installed", TONES[Outcome.FAILED]),
    Verdict.INCONCLUSIVE: ("? The check is inconclusive", TONES[Outcome.UNKNOWN]),
}
_TONES = {
    Status.NEW: "success",
    Status.UPGRADED: "running",
    Status.DOWNGRADED: "warning",
    Status.PRESENT: "neutral",
}


def check_html(report: PreflightReport) -> str:
    """Return the result of a check as HTML; the output of the resolver is folded."""
    headline, tone = _HEADLINES[report.verdict]
    parts = [text_html(headline, f"title {tone}")]
    parts += [text_html(line, "muted") for line in (_scope(report),) if line]
    parts += [text_html(line) for line in _remarks(report)]
    if report.correction:
        parts += [text_html(report.correction.heading), text_html(report.correction.text, "code")]
    parts += [_packages(report), _resolver_output(report)]
    return f'<div role="status" class="kusto-image-check">{"".join(parts)}</div>'


def _scope(report: PreflightReport) -> str:
    checked = f"Python {report.python} on {report.platform}" if report.python else report.platform
    scope = f"{summary(report)} · {checked}" if report.packages else f"Checked for {checked}"
    return f"{scope} · compared with {report.base_list}" if report.base_list else scope


def _remarks(report: PreflightReport) -> list[str]:
    first = [report.reason] if report.reason else []
    first += [f"Warning: {line}" for line in report.warnings]
    first += report.problems
    return [*first, *(f"Suggestion: {line}" for line in report.suggestions), *PANEL.next_line(report.hint)]


def _packages(report: PreflightReport) -> str:
    rows = "".join(
        f"<tr><td>{text_html(package.name)}</td><td>{text_html(_version(package))}</td>"
        f"<td>{text_html(package.status.value, f'tag {_TONES[package.status]}')}</td></tr>"
        for package in sorted(report.packages, key=lambda package: package.status is Status.PRESENT)
    )
    head = "<tr><th>Package</th><th>Version</th><th>Change</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""


def _version(package: Package) -> str:
    before = package.version_in_base
    return f"{before} → {package.version}" if before and before != package.version else package.version


def _resolver_output(report: PreflightReport) -> str:
    if not report.resolver_text:
        return ""
    return f"<details><summary>Resolver output</summary>{text_html(report.resolver_text, 'code')}</details>"
