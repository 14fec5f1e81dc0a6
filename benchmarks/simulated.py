"""Simulate the schedule alone, without a server, for builds of several shapes: lag and requests (`schedule.py`)."""

from __future__ import annotations

import random

from figures import Figure
from schedule import EARLIER_BUILDS, SHAPES, Shape, follow

from kusto_magic.arm.poll_schedule import DurationEstimate

FULL, QUICK = 500, 50


def measure(builds: int = FULL) -> list[Figure]:
    """Return lag and requests for each shape, and the lag of a fixed interval with as many requests."""
    return [figure for name, shape in SHAPES.items() for figure in _measured(name, shape, builds)]


def _measured(name: str, shape: Shape, builds: int) -> list[Figure]:
    chance = random.Random(1)  # noqa: S311 - a simulation
    earlier = sorted(shape(chance) for _ in range(EARLIER_BUILDS))
    known = DurationEstimate(earlier[0], earlier[-1], EARLIER_BUILDS, seconds=tuple(earlier))
    durations = [shape(chance) for _ in range(builds)]
    lags, requests = zip(*(follow(taken, known) for taken in durations), strict=True)
    pace = sum(durations) / (sum(requests) - 0.5 * builds)
    fixed = tuple(-taken % pace for taken in durations)
    title = f"simulated lag, {name}"
    return [
        Figure(title, "ours", lags),
        Figure(title, "fixed pace, as many requests", fixed),
        Figure(f"simulated requests, {name}", "ours", tuple(map(float, requests)), ""),
    ]
