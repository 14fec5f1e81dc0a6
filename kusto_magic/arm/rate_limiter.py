"""How much may still be asked of Azure Resource Manager: one budget a subscription for everything that asks from here.

ARM limits each principal by token buckets per subscription: 250 reads refilled at 25 a second, 200 writes at 10, 200
deletes at 10. Each answer may say how many are left; a 429 says when to come again. What is heard by one is heard by
all: whoever would have been refused waits here for its turn instead.

Source: "Understand how Azure Resource Manager throttles requests"; x-ms-ratelimit-remaining-subscription-… (seen).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from kusto_magic.arm.response import ArmResponse
from kusto_magic.clock import Clock

Kind = Literal["reads", "writes", "deletes"]

LIMITS: dict[Kind, tuple[float, float]] = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
"""The size of each bucket, and how many requests a second refill it; what the answers say counts for more."""

BACKGROUND_SHARE = 0.8
"""The share of a bucket that builds may use, however many there are: a person's question never waits behind them."""

_REMAINING = "x-ms-ratelimit-remaining-"


def kind_of(method: str) -> Kind:
    """Return the bucket from which a request is taken."""
    return "reads" if method in ("GET", "HEAD") else "deletes" if method == "DELETE" else "writes"


class TokenBucket:
    """A token bucket in which requests that wait hold a place: `left` is below zero while some do. Times in seconds."""

    def __init__(self, size: float, per_second: float, now: float) -> None:
        self.remaining = self.size = size
        self.per_second = per_second
        self.paused_until = now
        self.waiting = self.in_flight = 0
        self._at = now

    def take(self, now: float) -> float:
        """Take one request; return after how many seconds it may be sent."""
        begins = max(now, self.paused_until)
        self.remaining = min(self.size, self.remaining + max(0.0, begins - self._at) * self.per_second)
        self._at = max(self._at, begins)
        self.remaining -= 1
        return begins - now + max(0.0, -self.remaining) / self.per_second

    def update(self, remaining: float, now: float) -> None:
        """Take the service's word for how many are left, in an answer to one of those that fly.

        Those that wait here it has not counted, the others that fly perhaps not yet.
        """
        self.remaining = remaining - self.waiting - max(0, self.in_flight - 1)
        self.size, self._at = max(self.size, remaining), max(self._at, now)

    def pause(self, seconds: float, now: float) -> None:
        """Send nothing for so long, then one after the other as the bucket fills."""
        self.paused_until = max(self.paused_until, now + seconds)
        self.remaining, self._at = 1.0, self.paused_until


class RateLimiter:
    """The buckets of one subscription. To be used on one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.monotonic()
        self._all = {kind: TokenBucket(size, rate, now) for kind, (size, rate) in LIMITS.items()}
        self._background = {
            kind: TokenBucket(size * BACKGROUND_SHARE, rate * BACKGROUND_SHARE, now)
            for kind, (size, rate) in LIMITS.items()
        }

    @asynccontextmanager
    async def acquire(self, kind: Kind, *, background: bool) -> AsyncIterator[None]:
        """Enter when a request may be sent, leave when it is answered.

        `background` tells that no person waits for just this one.
        """
        buckets = [self._background[kind], self._all[kind]] if background else [self._all[kind]]
        for bucket in buckets:
            await self._acquire(bucket)
        for bucket in buckets:
            bucket.in_flight += 1
        try:
            yield
        finally:
            for bucket in buckets:
                bucket.in_flight -= 1

    def update(self, kind: Kind, response: ArmResponse) -> None:
        """Learn from an answer to a request of this kind, which still has its turn."""
        now = self._clock.monotonic()
        if response.status == 429:
            wait = response.retry_after() or 0.0
            self._all[kind].pause(wait, now)
            self._background[kind].pause(wait, now)
            return
        left = _remaining(response)
        if left is not None:
            self._all[kind].update(left, now)
            self._background[kind].update(left * BACKGROUND_SHARE, now)

    async def _acquire(self, bucket: TokenBucket) -> None:
        wait = bucket.take(self._clock.monotonic())
        while wait > 0:
            bucket.waiting += 1
            try:
                await self._clock.sleep(wait)
            finally:
                bucket.waiting -= 1
            now = self._clock.monotonic()
            # A refusal that came meanwhile has emptied the bucket: every place in it is lost.
            wait = bucket.take(now) if now < bucket.paused_until else 0.0


def _remaining(response: ArmResponse) -> int | None:
    """Return the smallest number of requests that an answer says are left, None where it says nothing."""
    said = [value for name, value in response.headers.items() if name.lower().startswith(_REMAINING)]
    numbers = [int(value) for value in said if value.isascii() and value.isdigit() and len(value) < 10]
    return min(numbers, default=None)
