"""How long to wait before asking again how a build stands, where the service does not say."""

from __future__ import annotations

from typing import Protocol

SHORTEST = 1.0
LONGEST = 30.0
SHARE_OF_ELAPSED = 0.02
"""Without experience: wait a fiftieth of the time that has passed, so that hearing late costs at most 2 %."""

NEAR_THE_END = 2.0
"""Seconds between requests around the time at which builds of this cluster usually end."""


class Usual(Protocol):
    """The range of seconds that earlier builds took."""

    @property
    def low(self) -> float:
        """Few were faster."""
        ...

    @property
    def high(self) -> float:
        """Few were slower."""
        ...


def delay(elapsed: float, usual: Usual | None = None) -> float:
    """Return the seconds to wait before the next request, `elapsed` seconds after the first.

    The service sends no Retry-After (seen), so this alone decides how late the end is heard of: rarely while
    nothing can be done yet, often around the usual end, ever more rarely after it.
    """
    steady = min(max(elapsed * SHARE_OF_ELAPSED, SHORTEST), LONGEST)
    if usual is None:
        return steady
    begins, ends = usual.low * 0.85, usual.high * 1.25
    if elapsed < begins:
        return min(max(SHORTEST, begins - elapsed), LONGEST / 2)
    return min(steady, NEAR_THE_END) if elapsed <= ends else steady
