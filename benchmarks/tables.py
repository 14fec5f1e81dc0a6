"""Render the results as Markdown: tables with ratios to ours, and the goals. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from figures import STATISTICS, Figure
from goals import GOALS, verdict

BEGIN, END = "<!-- results: written by `python noxfile.py bench`, not by hand -->", "<!-- end of results -->"

TITLES = {
    "lag": "Lag and requests",
    "many": "Many builds at once",
    "kernel": "In a kernel",
    "preflight": "Preflight",
    "texts": "Texts",
    "schedule": "The schedule, simulated",
}
PLOTS = {
    "lag": "![Lag by contender](lag.png)",
    "many": "![Memory, processor time and threads by number of builds](many.png)",
}


def figures_of(results: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """Return the figures of each measured part."""
    return {name: [Figure.from_json(one) for one in part["figures"]] for name, part in results["parts"].items()}


def page(before: str, results: Mapping[str, Any]) -> str:
    """Return the page with new text between its two markers. Raises ValueError if it has none."""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page needs both markers of the results")
    return f"{head}{BEGIN}\n\n{markdown(results)}\n\n{END}{tail}"


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results: the goals, then a section for each measured part."""
    parts = figures_of(results)
    conditions = {name: _conditions(part) for name, part in results["parts"].items()}
    are_equal = len(set(conditions.values())) == 1
    sections = [next(iter(conditions.values()))] if are_equal else []
    sections.append(_goals(parts))
    for name, title in TITLES.items():
        if name in parts:
            sections.append(_section(title, name, "" if are_equal else conditions[name], parts[name]))
    return "\n\n".join(sections)


def _goals(parts: Mapping[str, Sequence[Figure]]) -> str:
    lines = ["### Goals", "", "| goal | measured | |", "|---|---|---|"]
    for goal in GOALS:
        value, result = verdict(goal, parts)
        unit = next((figure.unit for figure in parts.get(goal.part, ()) if figure.name == goal.figure), "")
        shown = "" if value is None else f"{value:.3g} ×" if goal.of else _with_unit(value, unit)
        lines.append(f"| {goal.text} | {shown} | {result} |")
    return "\n".join(lines)


def _section(title: str, name: str, conditions: str, figures: Sequence[Figure]) -> str:
    lines = [f"### {title}", *(["", conditions] if conditions else [])]
    if name in PLOTS:
        lines += ["", PLOTS[name]]
    for figure_name in dict.fromkeys(figure.name for figure in figures):
        lines += ["", *_table(figure_name, [figure for figure in figures if figure.name == figure_name])]
    return "\n".join(lines)


def _conditions(part: Mapping[str, Any]) -> str:
    machine = part["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    on = f"Measured on {machine['cores']} cores, {machine['system']}, Python {machine['python']}, with {versions}."
    return f"{on} This was a trial run (`--quick`), too short to be meaningful." if part["quick"] else on


def _table(name: str, figures: Sequence[Figure]) -> Iterator[str]:
    varied = any(figure.at for figure in figures)
    at = " builds |" if varied else ""
    yield f"| {name} |{at} times ours | median | mean | p10 to p90 | runs |"
    yield "|---|" + ("---:|" if varied else "") + "---:|" * 5
    for figure in figures:
        number = f" {figure.at:,} |" if varied else ""
        yield f"| {figure.contender} |{number} {_cells(figure, _median_of_ours(figure, figures))} |"


def _cells(figure: Figure, ours: float | None) -> str:
    if not figure.samples:
        return f"| | | failed: {_in_a_cell(figure.failed) or 'nothing was measured'} | 0"
    median, mean, low, high = (STATISTICS[name](figure.samples) for name in ("median", "mean", "p10", "p90"))
    ratio = f"{median / ours:.3g} ×" if ours else ""
    spread = f"{low:.3g} to {high:.3g}" if len(figure.samples) > 1 else ""
    middle = f"{_with_unit(median, figure.unit)} | {_with_unit(mean, figure.unit)}"
    return f"{ratio} | {middle} | {spread} | {len(figure.samples)}"


def _median_of_ours(figure: Figure, figures: Sequence[Figure]) -> float | None:
    """Return the median of the first row of ours in the same table and for the same number of builds, or None."""
    for other in figures:
        if other.contender.startswith("ours") and other.at == figure.at and other.samples:
            median = STATISTICS["median"](other.samples)
            return median if median > 0 else None
    return None


def _with_unit(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}".rstrip()


def _in_a_cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:100]
