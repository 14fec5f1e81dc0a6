"""What was measured, as values: a figure of one contender, its samples, and what can be result of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity of one contender: `samples` in `unit`, one for each run, build or cell.

    `at` is the number of builds where that was varied. `failed` is "", or says why there is no sample.
    """

    name: str
    contender: str
    samples: tuple[float, ...]
    unit: str = "s"
    at: int = 0
    failed: str = ""

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Figure:
        """Return the figure that `to_json` wrote."""
        return cls(**{**given, "samples": tuple(given["samples"])})

    def to_json(self) -> dict[str, Any]:
        """Return the figure as JSON types; samples are rounded to four significant digits."""
        return {**asdict(self), "samples": [float(f"{sample:.4g}") for sample in self.samples]}


def percentile(share: float) -> Callable[[Iterable[float]], float]:
    """Return a function for the quantile `share`, with linear interpolation."""

    def found(samples: Iterable[float]) -> float:
        ordered = sorted(samples)
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (position - below)

    return found


STATISTICS: Mapping[str, Callable[[Iterable[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "p10": percentile(0.1),
    "p90": percentile(0.9),
    "p99": percentile(0.99),
    "max": max,
}
