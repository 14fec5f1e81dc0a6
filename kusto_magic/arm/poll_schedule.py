"""Poll schedule: the delay before the next poll of a build if the service sends no Retry-After.

The service never sends one (seen), so the schedule alone determines how late the end of a build is noticed and how
many requests that takes. A poll costs one request while the build is running; a long interval costs half its length
when the build ends. The best trade-off is an interval proportional to 1/sqrt(hazard), the hazard being the chance
that a running build ends within the next second. It is estimated from earlier builds of the cluster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

MIN_DELAY = 0.5
"""Minimum seconds between two polls."""

MAX_DELAY = 30.0
"""Maximum seconds between two polls."""

POLL_COST_FACTOR = 0.16
"""Interval in seconds at a hazard of one per second; a larger factor means fewer requests and a later notice.

The end of a build of about five minutes is noticed 0.5 to 1.5 seconds late, after 40 to 80 requests;
`benchmarks/schedule.py` simulates it.
"""

POLL_COST_FACTOR_WITHOUT_HISTORY = 0.2
"""As `POLL_COST_FACTOR`, for a cluster without earlier builds, where every phase of the build must be polled."""

PER_BUILD_DELAY = 0.005
"""Seconds added to the minimum interval per polled build; with 500 builds, an end need not be noticed at once."""

SPREAD = 0.04
"""Standard deviation of a build's duration around that of an earlier build, as a share of the duration."""

TAIL_PROBABILITY = 0.5
"""Weight of the tail for builds unlike any earlier one; each earlier build has the weight 1."""

TAIL_MEDIAN = 60.0
"""Median in seconds of the log-logistic tail for builds unlike any earlier one."""


@dataclass(frozen=True, slots=True)
class DurationEstimate:
    """The usual duration of a build: the 10th and the 90th percentile in seconds, from `count` builds.

    `seconds` are the durations of these builds in ascending order.
    """

    low: float
    high: float
    count: int
    source: Literal["this cluster", "your clusters", "recorded clusters", "the emulator's setting"] = "this cluster"
    seconds: tuple[float, ...] = field(default=(), repr=False)


DEFAULT_ESTIMATE = DurationEstimate(222.0, 385.0, 5, "recorded clusters", (222.0, 265.0, 300.0, 343.0, 385.0))
"""Durations of builds recorded in Azure, 2023 to 2026; used until builds of the user's own clusters are known."""


def next_delay(elapsed: float, estimate: DurationEstimate | None = None, polled_builds: int = 1) -> float:
    """Return the seconds to wait before the next poll, `elapsed` seconds after the first request; from 0.5 to 30.

    The delay is long before the build can end, short around the usual duration, and grows after it. `polled_builds`
    is the number of builds polled in this process; beyond 100, the minimum delay grows with it.
    """
    if estimate is None or not estimate.seconds:
        wait = POLL_COST_FACTOR_WITHOUT_HISTORY / math.sqrt(hazard(elapsed, ()))
    else:
        wait = POLL_COST_FACTOR / math.sqrt(hazard(elapsed, estimate.seconds))
        # Do not sleep past the time at which the fastest known build may end.
        earliest_end = min(estimate.seconds) * (1 - 3 * SPREAD) - elapsed  # three standard deviations
        wait = min(wait, earliest_end) if earliest_end > MIN_DELAY else wait
    return min(max(wait, MIN_DELAY, PER_BUILD_DELAY * polled_builds), MAX_DELAY)


def hazard(elapsed: float, seconds: Sequence[float]) -> float:
    """Return the chance per second that a build that is running after `elapsed` seconds ends now.

    Each earlier build contributes a normal distribution around its duration. A heavy (log-logistic) tail is added,
    so that the chance is never zero and the end never certain.
    """
    elapsed = max(elapsed, 0.0)
    weight = TAIL_PROBABILITY if seconds else 1.0
    running = weight / (1 + elapsed / TAIL_MEDIAN)  # survival function of the log-logistic tail
    ending = running / (TAIL_MEDIAN + elapsed)  # and its density
    for duration in seconds:
        deviation = max(SPREAD * duration, 1.0)  # at least a second: a duration of 0 would divide by zero
        z = (elapsed - duration) / deviation
        running += math.erfc(z / math.sqrt(2)) / 2  # survival function of the normal distribution
        ending += math.exp(-z * z / 2) / (deviation * math.sqrt(2 * math.pi))  # and its density
    return ending / running
