"""A manual clock: `sleep` returns immediately and advances the time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)


class MovableClock:
    """A manual `kusto_magic.clock.Clock`; `slept` has the seconds of every sleep, `skew` shifts the time of day."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.skew = timedelta()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.passed

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.passed) + self.skew

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0, seconds
        self.slept.append(seconds)
        self.move(seconds)
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        self.passed += seconds
