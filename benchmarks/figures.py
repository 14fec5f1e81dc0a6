"""What was measured, as values: a figure of one contender, its samples, and what can be said of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one contender: `samples` in `unit`, one for each run, build or cell.

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
        """Read what `to_json` wrote."""
        return cls(**{**given, "samples": tuple(given["samples"])})

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types; samples are kept to four significant digits."""
        return {**asdict(self), "samples": [float(f"{sample:.4g}") for sample in self.samples]}


def percentile(share: float) -> Callable[[Iterable[float]], float]:
    """Return what finds the sample below which `share` of them lie, between two of them linearly."""

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
