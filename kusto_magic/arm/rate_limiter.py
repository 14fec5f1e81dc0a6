"""Client-side rate limiter: one per subscription, shared by all requests of this process.

ARM limits each principal by token buckets per subscription: 250 reads refilled at 25 per second, 200 writes at 10,
200 deletes at 10. A response may name the remaining requests; a 429 names the time to wait. All requests share this
information: one that ARM would refuse waits here instead.

Source: "Understand how Azure Resource Manager throttles requests"; x-ms-ratelimit-remaining-subscription-… (seen).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from kusto_magic.arm.response import ArmResponse
from kusto_magic.clock import Clock

RequestKind = Literal["reads", "writes", "deletes"]

LIMITS: dict[RequestKind, tuple[float, float]] = {
    "reads": (250.0, 25.0),
    "writes": (200.0, 10.0),
    "deletes": (200.0, 10.0),
}
"""Size of each bucket in requests, and its refill rate per second; response headers take precedence."""

BACKGROUND_SHARE = 0.8
"""Share of a bucket available to background requests, so that interactive ones never wait behind them."""

_REMAINING = "x-ms-ratelimit-remaining-"


def request_kind(method: str) -> RequestKind:
    """Return the kind of bucket that a request counts against."""
    return "reads" if method in ("GET", "HEAD") else "deletes" if method == "DELETE" else "writes"


class TokenBucket:
    """A token bucket with a queue: `remaining` is negative while requests are waiting. Times are in seconds."""

    def __init__(self, size: float, per_second: float, now: float) -> None:
        self.remaining = self.size = size
        self.per_second = per_second
        self.paused_until = now
        self.waiting = self.in_flight = 0
        self._updated_at = now

    def take(self, now: float) -> float:
        """Take one request from the bucket; return the seconds to wait before sending it."""
        start = max(now, self.paused_until)
        self.remaining = min(self.size, self.remaining + max(0.0, start - self._updated_at) * self.per_second)
        self._updated_at = max(self._updated_at, start)
        self.remaining -= 1
        return start - now + max(0.0, -self.remaining) / self.per_second

    def update(self, remaining: float, now: float) -> None:
        """Set the remaining requests from a response to one of the requests in flight.

        Queued requests, and possibly the others in flight, are not yet counted in that number.
        """
        self.remaining = remaining - self.waiting - max(0, self.in_flight - 1)
        # Seen: limits above the documented ones (800 writes, 1,100 reads).
        self.size, self._updated_at = max(self.size, remaining), max(self._updated_at, now)

    def pause(self, seconds: float, now: float) -> None:
        """Send nothing for `seconds`, then one request at a time as the bucket refills."""
        self.paused_until = max(self.paused_until, now + seconds)
        self.remaining, self._updated_at = 1.0, self.paused_until


class RateLimiter:
    """The token buckets of one subscription. Not thread-safe: use it on one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.monotonic()
        self._all = {kind: TokenBucket(size, rate, now) for kind, (size, rate) in LIMITS.items()}
        self._background = {
            kind: TokenBucket(size * BACKGROUND_SHARE, rate * BACKGROUND_SHARE, now)
            for kind, (size, rate) in LIMITS.items()
        }

    @asynccontextmanager
    async def acquire(self, kind: RequestKind, *, background: bool) -> AsyncIterator[None]:
        """Enter the context when a request may be sent; leave it after the response.

        `background`: no user is waiting for this request.
        """
        # Background requests count against both buckets; their own, smaller one keeps a share for interactive requests.
        buckets = [self._background[kind], self._all[kind]] if background else [self._all[kind]]
        for bucket in buckets:  # the smaller one first: while it waits there, a request takes nothing from the other
            await self._acquire(bucket)
        for bucket in buckets:
            bucket.in_flight += 1
        try:
            yield
        finally:
            for bucket in buckets:
                bucket.in_flight -= 1

    def update(self, kind: RequestKind, response: ArmResponse) -> None:
        """Update the buckets from a response; call it while the request is still in the `acquire` context."""
        now = self._clock.monotonic()
        if response.status == 429:
            wait = response.retry_after() or 0.0
            self._all[kind].pause(wait, now)
            self._background[kind].pause(wait, now)
            return
        remaining = _remaining(response)
        if remaining is not None:
            self._all[kind].update(remaining, now)
            self._background[kind].update(remaining * BACKGROUND_SHARE, now)

    async def _acquire(self, bucket: TokenBucket) -> None:
        wait = bucket.take(self._clock.monotonic())
        while wait > 0:
            bucket.waiting += 1
            try:
                await self._clock.sleep(wait)
            finally:
                bucket.waiting -= 1
            now = self._clock.monotonic()
            # A 429 received meanwhile has emptied the bucket: the place in the queue is lost, take a new one.
            wait = bucket.take(now) if now < bucket.paused_until else 0.0


def _remaining(response: ArmResponse) -> int | None:
    """Return the smallest number of remaining requests that the headers name, or None."""
    # One response can name several limits (subscription, global, resource): the tightest one applies.
    values = [value for name, value in response.headers.items() if name.lower().startswith(_REMAINING)]
    # `isdigit` alone also accepts characters such as "²", which int() rejects.
    numbers = [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 10]
    return min(numbers, default=None)
