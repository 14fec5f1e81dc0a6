"""The time, as a seam: tests move it, nothing waits for real there."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What follows builds asks for the time here and nowhere else."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow: a laptop that sleeps or a clock that is set ends nothing."""
        ...

    def wall(self) -> datetime:
        """Return the time of day, in UTC, for people."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...


class SystemClock:
    """The real time."""

    def monotonic(self) -> float:
        """Return the monotonic clock, seconds."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Return now, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(seconds)
