"""How long to wait before asking again how a build stands, where the service does not say.

The service sends no Retry-After (seen), so this alone decides how late the end is heard of, and at the price of how
many requests. Asking costs one request each time the build still runs; not asking costs half the interval when it
ends. What weighs the two best is an interval that shrinks with the square root of the hazard: the chance that a
build which still runs ends in the next second. The hazard is learnt from earlier builds of the cluster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

MIN_DELAY = 0.5
MAX_DELAY = 30.0

POLL_COST_FACTOR = 0.16
"""The interval in seconds at a hazard of one per second; more means fewer requests and hearing later.

A build of about five minutes is then heard of half a second to one and a half late, after forty to eighty requests:
`benchmarks/schedule.py` simulates it.
"""

POLL_COST_FACTOR_WITHOUT_HISTORY = 0.2
"""The same where nothing is known of earlier builds, so that it asks all the way."""

PER_BUILD_DELAY = 0.005
"""Seconds that each build which is followed adds to the shortest interval: nobody sees 500 ends within a second."""

SPREAD = 0.04
"""The next build takes as long as an earlier one within so much of it, one standard deviation."""

TAIL_PROBABILITY = 0.5
"""The weight, in earlier builds, of a build that is like none of them."""

TAIL_MEDIAN = 60.0
"""Half of the surprising builds end within so many seconds, half later; ever fewer, but never none."""


@dataclass(frozen=True, slots=True)
class DurationEstimate:
    """How long builds usually take: the 10th and the 90th percentile in seconds, learnt from `count` builds.

    `seconds` is what each of them took, the fastest first.
    """

    low: float
    high: float
    count: int
    source: Literal["this cluster", "your clusters", "recorded clusters", "the emulator's setting"] = "this cluster"
    seconds: tuple[float, ...] = field(default=(), repr=False)


DEFAULT_ESTIMATE = DurationEstimate(222.0, 385.0, 5, "recorded clusters", (222.0, 265.0, 300.0, 343.0, 385.0))
"""What builds were recorded to take in Azure, 2023 to 2026: what is said until there is experience of one's own."""


def next_delay(elapsed: float, estimate: DurationEstimate | None = None, polled_builds: int = 1) -> float:
    """Return the seconds to wait before the next request, `elapsed` seconds after the first; from 0.5 to 30.

    `followed` is how many builds are followed in all; beyond a hundred, each is asked more rarely.
    Rarely while nothing can be done yet, often around the usual end, ever more rarely after it.
    """
    if estimate is None or not estimate.seconds:
        wait = POLL_COST_FACTOR_WITHOUT_HISTORY / math.sqrt(hazard(elapsed, ()))
    else:
        wait = POLL_COST_FACTOR / math.sqrt(hazard(elapsed, estimate.seconds))
        # Do not sleep through the moment from which the build may end.
        begins = min(estimate.seconds) * (1 - 3 * SPREAD) - elapsed
        wait = min(wait, begins) if begins > MIN_DELAY else wait
    return min(max(wait, MIN_DELAY, PER_BUILD_DELAY * polled_builds), MAX_DELAY)


def hazard(elapsed: float, seconds: Sequence[float]) -> float:
    """Return the chance per second that a build which still runs after `elapsed` seconds ends now.

    Each earlier build stands for a normal distribution around the seconds it took; on top comes a heavy-tailed rest
    (log-logistic), so that the chance is never nothing and never certain.
    """
    elapsed = max(elapsed, 0.0)
    weight = TAIL_PROBABILITY if seconds else 1.0
    running = weight / (1 + elapsed / TAIL_MEDIAN)
    ending = running / (TAIL_MEDIAN + elapsed)
    for taken in seconds:
        deviation = max(SPREAD * taken, 1.0)
        away = (elapsed - taken) / deviation
        running += math.erfc(away / math.sqrt(2)) / 2
        ending += math.exp(-away * away / 2) / (deviation * math.sqrt(2 * math.pi))
    return ending / running
