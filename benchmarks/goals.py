"""The goals of the benchmarks. The measured figures are in results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from figures import STATISTICS, Figure


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of a contender must be at most `most`, or `most` times the figure of the contender `of`."""

    text: str
    part: str
    figure: str
    contender: str
    statistic: str
    most: float
    at: int = 0
    of: str = ""

    def value(self, figures: Sequence[Figure]) -> float | None:
        """Return the measured value, None if there is none."""
        own, other = _samples(figures, self, self.contender), _samples(figures, self, self.of)
        if not own or (self.of and not other):
            return None
        statistic = STATISTICS[self.statistic]
        if not self.of:
            return statistic(own)
        return statistic(own) / divisor if (divisor := statistic(other)) else None


def _samples(figures: Sequence[Figure], goal: Goal, contender: str) -> Sequence[float]:
    for figure in figures:
        if (figure.name, figure.contender, figure.at) == (goal.figure, contender, goal.at):
            return figure.samples
    return ()


_KNOWN, _NEW = "ours, 20 builds known", "ours, newcomer"
_SHARED, _ALONE = "ours, 10 clusters", "ours, a cluster each"
_BUDGET = "ours, a cluster each, in ARM's budget"
_AFTER = "lag, with Retry-After"
_MEMORY, _CPU = "memory for a build", "processor seconds a minute"

GOALS: tuple[Goal, ...] = (
    Goal("the end is reported within 1.5 s, mean", "lag", "lag", _KNOWN, "mean", 1.5),
    Goal("… 90th percentile within 3 s", "lag", "lag", _KNOWN, "p90", 3.0),
    Goal("… a newcomer: 1.5 s, mean", "lag", "lag", _NEW, "mean", 1.5),
    Goal("… a newcomer: 90th percentile within 3 s", "lag", "lag", _NEW, "p90", 3.0),
    Goal("… ten times better than sync, mean", "lag", "lag", _KNOWN, "mean", 0.1, of="sync"),
    Goal("… ten times better than async, mean", "lag", "lag", _KNOWN, "mean", 0.1, of="async"),
    Goal("at most 160 requests for a build", "lag", "requests for a build", _KNOWN, "max", 160),
    Goal("… a newcomer", "lag", "requests for a build", _NEW, "max", 160),
    Goal("with Retry-After: never early", "lag", "too early, by the Retry-After", _KNOWN, "max", 0.0),
    Goal("with Retry-After: as late as sync, within a tenth", "lag", _AFTER, _KNOWN, "mean", 1.1, of="sync"),
    Goal("500 builds: at most 3 threads", "many", "threads", _SHARED, "max", 3, at=500),
    Goal("500 builds on 10 clusters: 0.05 MB each", "many", _MEMORY, _SHARED, "median", 0.05, at=500),
    Goal("500 builds, a cluster each: 0.05 MB each", "many", _MEMORY, _ALONE, "median", 0.05, at=500),
    Goal("500 builds on 10 clusters: 3 processor seconds a minute", "many", _CPU, _SHARED, "median", 3.0, at=500),
    Goal("500 builds, a cluster each: 3 processor seconds a minute", "many", _CPU, _ALONE, "median", 3.0, at=500),
    Goal("… within the reads that ARM grants", "many", _CPU, _BUDGET, "median", 3.0, at=500),
    Goal("%load_ext within 50 ms", "kernel", "%load_ext", "ours", "median", 50.0),
    Goal("cell to the first request within 50 ms, warm", "kernel", "cell to the first request", "ours", "median", 50.0),
    Goal(
        "cell 1+1 beside 500 builds: p99 at most 1.5 times idle",
        "kernel", "cell 1+1", "ours, 500 builds", "p99", 1.5, of="idle kernel",
    ),
    Goal(
        "preflight of 40 packages: at most 1.3 times uv's own time",
        "preflight", "preflight of 40 packages", "ours", "median", 1.3, of="uv pip compile",
    ),
    Goal("a text of 1,000 lines within 20 ms", "texts", "text of 1,000 lines", "ours", "median", 20.0),
)  # fmt: skip


def verdict(goal: Goal, parts: Mapping[str, Sequence[Figure]]) -> tuple[float | None, str]:
    """Return the measured value, and a text that says whether the goal holds."""
    value = goal.value(parts.get(goal.part, ()))
    if value is None:
        return None, "not measured"
    if value <= goal.most:
        return value, "holds"
    times = f" ({value / goal.most:.1f} times as much)" if goal.most else ""
    return value, f"falls short by {value - goal.most:.3g}{times}"
