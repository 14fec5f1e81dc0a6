"""Simulate how late the end of a build is reported, and after how many polls: `python benchmarks/schedule.py [builds]`.

Simulates builds of three shapes with the polling schedule, after 20 earlier builds of the same shape, and with a fixed
interval that needs as many requests. Prints a table.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable

from kusto_magic.arm import poll_schedule

Shape = Callable[[random.Random], float]
SHAPES: dict[str, Shape] = {
    "narrow, 300 to 330 s": lambda chance: chance.uniform(300, 330),
    "as recorded, 3.5 to 6.5 min": lambda chance: min(max(chance.gauss(303, 60), 150), 600),
    "two kinds, 4 or 15 min": lambda chance: chance.gauss(*chance.choice([(240, 12), (900, 60)])),
}
EARLIER_BUILDS = 20


def follow(taken: float, known: poll_schedule.DurationEstimate | None) -> tuple[float, int]:
    """Return the seconds from the end of a build to the poll that reports it, and the number of polls."""
    asked, requests = 0.0, 0
    while asked < taken:
        asked += poll_schedule.next_delay(asked, known)
        requests += 1
    return asked - taken, requests


def compare(shape: Shape, builds: int, seed: int = 1) -> tuple[float, float, float, float]:
    """Return mean lag, 90th percentile, mean requests, and the mean lag of a fixed interval with equal requests."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    earlier = sorted(shape(chance) for _ in range(EARLIER_BUILDS))
    known = poll_schedule.DurationEstimate(earlier[0], earlier[-1], EARLIER_BUILDS, seconds=tuple(earlier))
    durations = [shape(chance) for _ in range(builds)]
    lags, requests = zip(*(follow(taken, known) for taken in durations), strict=True)
    interval = statistics.fmean(durations) / (statistics.fmean(requests) - 0.5)
    fixed = statistics.fmean(-taken % interval for taken in durations)
    return statistics.fmean(lags), statistics.quantiles(lags, n=10)[-1], statistics.fmean(requests), fixed


def main(builds: int) -> None:
    print(f"| builds ({builds:,} each) | mean lag | p90 | requests | fixed interval, equal requests | ratio |")
    print("|---|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        mean, late, requests, fixed = compare(shape, builds)
        print(f"| {name} | {mean:.2f} s | {late:.2f} s | {requests:.0f} | {fixed:.2f} s | {fixed / mean:.1f} × |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
