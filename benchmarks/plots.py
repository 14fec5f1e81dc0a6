"""Draw two pictures of the results: lag by contender, and the cost by the number of builds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from figures import STATISTICS, Figure
from matplotlib.figure import Figure as Picture

COSTS = {"memory for a build": "MB", "processor seconds a minute": "s", "threads": ""}
DOTS = 110
"""Resolution of the PNG files in dots per inch."""


def draw(parts: dict[str, list[Figure]], folder: Path) -> None:
    """Draw the parts that were measured as PNG files."""
    lags = [figure for figure in parts.get("lag", []) if figure.name == "lag" and figure.samples]
    if lags:
        _lag(lags).savefig(folder / "lag.png", dpi=DOTS)
    costs = [figure for figure in parts.get("many", []) if figure.name in COSTS and figure.samples]
    if costs:
        _many(costs).savefig(folder / "many.png", dpi=DOTS)


def _lag(figures: Sequence[Figure]) -> Picture:
    picture = Picture(figsize=(7, 0.5 + 0.4 * len(figures)), layout="constrained")
    axes = picture.subplots()
    for row, figure in enumerate(reversed(figures)):
        axes.plot(figure.samples, [row] * len(figure.samples), "|", color="tab:blue", alpha=0.5, markersize=12)
        axes.plot([STATISTICS["mean"](figure.samples)], [row], "o", color="black")
    axes.set_yticks(range(len(figures)), [figure.contender for figure in reversed(figures)])
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds from the end of a build until it is reported; the dot is the mean")
    return picture


def _many(figures: Sequence[Figure]) -> Picture:
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    for axes, (name, unit) in zip(picture.subplots(1, len(COSTS)), COSTS.items(), strict=True):
        own = [figure for figure in figures if figure.name == name]
        for contender in dict.fromkeys(figure.contender for figure in own):
            points = [figure for figure in own if figure.contender == contender]
            medians = [max(STATISTICS["median"](figure.samples), 0.0) for figure in points]
            axes.plot([figure.at for figure in points], medians, "o-", markersize=3, label=contender)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{name}{f', {unit}' if unit else ''}", fontsize=9)
        axes.set_xlabel("builds")
    axes.legend(fontsize=7)
    return picture
