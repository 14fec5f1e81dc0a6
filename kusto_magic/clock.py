"""Clock interface, so that tests can control the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time for code that polls builds."""

    def monotonic(self) -> float:
        """Return monotonic seconds, for timeouts: setting the system clock does not affect them."""
        ...

    def wall(self) -> datetime:
        """Return the current time in UTC, for display and records."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` seconds."""
        ...


class SystemClock:
    """The system clock."""

    def monotonic(self) -> float:
        """Return the seconds of the monotonic clock."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(seconds)


SYSTEM_CLOCK = SystemClock()
"""The clock of this process."""
