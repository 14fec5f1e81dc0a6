"""From results to markdown: tables of what was measured, ratios to ours, and which goals hold. No I/O."""

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
    """Return the figures of each part that was measured."""
    return {name: [Figure.from_json(one) for one in part["figures"]] for name, part in results["parts"].items()}


def page(before: str, results: Mapping[str, Any]) -> str:
    """Return the page with what is between its two markers replaced. Raises ValueError where it has none."""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for results: both markers must be there")
    return f"{head}{BEGIN}\n\n{markdown(results)}\n\n{END}{tail}"


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results: goals first, then one section for each part that was measured."""
    parts = figures_of(results)
    said = {name: _circumstances(part) for name, part in results["parts"].items()}
    alike = len(set(said.values())) == 1
    sections = [next(iter(said.values()))] if alike else []
    sections.append(_goals(parts))
    for name, title in TITLES.items():
        if name in parts:
            sections.append(_section(title, name, "" if alike else said[name], parts[name]))
    return "\n\n".join(sections)


def _goals(parts: Mapping[str, Sequence[Figure]]) -> str:
    lines = ["### Goals", "", "| goal | measured | |", "|---|---|---|"]
    for goal in GOALS:
        value, words = verdict(goal, parts)
        unit = next((it.unit for it in parts.get(goal.part, ()) if it.name == goal.figure), "")
        shown = "" if value is None else f"{value:.3g} ×" if goal.of else _with_unit(value, unit)
        lines.append(f"| {goal.text} | {shown} | {words} |")
    return "\n".join(lines)


def _section(title: str, name: str, circumstances: str, figures: Sequence[Figure]) -> str:
    lines = [f"### {title}", *(["", circumstances] if circumstances else [])]
    if name in PLOTS:
        lines += ["", PLOTS[name]]
    for figure in dict.fromkeys(figure.name for figure in figures):
        lines += ["", *_table(figure, [it for it in figures if it.name == figure])]
    return "\n".join(lines)


def _circumstances(part: Mapping[str, Any]) -> str:
    machine = part["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    on = f"Measured on {machine['cores']} cores, {machine['system']}, Python {machine['python']}, with {versions}."
    return f"{on} This was a smoke (`--quick`): too short to mean anything." if part["quick"] else on


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
    """Return the median of the first of ours in the same table, at the same number of builds; None without one."""
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
