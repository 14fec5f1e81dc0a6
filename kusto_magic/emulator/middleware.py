"""The headers of Resource Manager on every answer: request ids, and the rate limiter that counts down."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kusto_magic.emulator.arm import ArmError
from kusto_magic.emulator.config import EmulatorConfig

_PREFIX = "x-ms-ratelimit-remaining-subscription"
GLOBAL_FACTOR = 15
"""The limit of a whole subscription is 15 times that of one principal (documentation of 2024)."""


class RequestIds:
    """ASGI middleware: x-ms-request-id and its relatives, as observed.

    `request.state.correlation` is the correlation id, for those who show it in their answer too.
    """

    def __init__(self, app: ASGIApp, config: EmulatorConfig, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._region = config.region.replace(" ", "").upper()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the ids to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        correlation = str(uuid.uuid4())
        ids = {
            "x-ms-request-id": str(uuid.uuid4()),
            "x-ms-correlation-request-id": correlation,
            "x-ms-routing-request-id": f"{self._region}:{self._clock():%Y%m%dT%H%M%SZ}:{correlation}",
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
        }
        if asked.get("x-ms-return-client-request-id") == "true" and "x-ms-client-request-id" in asked:
            ids["x-ms-client-request-id"] = asked["x-ms-client-request-id"]

        scope.setdefault("state", {})["correlation"] = correlation

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ids)
            await send(message)

        await self._app(scope, receive, answer)


@dataclass
class Bucket:
    """A token bucket: `left` of `size` requests, refilled by `per_second`; `at` is when `left` was right."""

    size: float
    per_second: float
    left: float
    at: datetime

    def take(self, now: datetime) -> bool:
        """Take one request; False when there is none left."""
        gained = max(0.0, (now - self.at).total_seconds()) * self.per_second
        self.left, self.at = min(self.size, self.left + gained), now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    @property
    def retry_after(self) -> int:
        """Whole seconds until there is one again."""
        return max(1, math.ceil((1 - self.left) / self.per_second))


class RateLimits:
    """ASGI middleware: the buckets for reads, writes and deletes; 429 with Retry-After when one is empty.

    `throttled` counts the requests that were answered 429, by the name of the bucket. The words of the 429 are the
    emulator's own: none was observed.
    """

    def __init__(
        self, app: ASGIApp, config: EmulatorConfig, clock: Callable[[], datetime], throttled: Counter[str]
    ) -> None:
        self._app = app
        self._clock = clock
        self._subscription = config.subscription
        self._throttled = throttled
        rates = {
            "reads": (config.reads, config.reads_per_second),
            "writes": (config.writes, config.writes_per_second),
            "deletes": (config.deletes, config.deletes_per_second),
        }
        self._buckets = {kind: Bucket(size, rate, size, clock()) for kind, (size, rate) in rates.items()}
        self._global = {
            kind: Bucket(size * GLOBAL_FACTOR, rate * GLOBAL_FACTOR, size * GLOBAL_FACTOR, clock())
            for kind, (size, rate) in rates.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, and say in its answer how many are left."""
        if scope["type"] != "http" or not scope["path"].lower().startswith("/subscriptions/"):
            await self._app(scope, receive, send)
            return
        kind = {"GET": "reads", "DELETE": "deletes"}.get(scope["method"], "writes")
        now = self._clock()
        self._global[kind].take(now)
        if not self._buckets[kind].take(now):
            self._throttled[kind] += 1
            await self._refusal(kind).response()(scope, receive, send)
            return
        remaining = self._remaining(scope["method"], scope["path"].lower(), kind)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(remaining)
            await send(message)

        await self._app(scope, receive, answer)

    def _refusal(self, kind: str) -> ArmError:
        wait = self._buckets[kind].retry_after
        message = (
            f"Number of '{kind}' requests for subscription '{self._subscription}' exceeded the limit. "
            f"Please try again after '{wait}' seconds."
        )
        return ArmError(429, "SubscriptionRequestsThrottled", message, {"Retry-After": str(wait)})

    def _remaining(self, method: str, path: str, kind: str) -> dict[str, str]:
        """Return the header the service sends for this kind of request (OBSERVED per kind)."""
        left, left_globally = str(int(self._buckets[kind].left)), str(int(self._global[kind].left))
        if method in {"POST", "DELETE"}:
            return {f"{_PREFIX}-{kind}": left, f"{_PREFIX}-global-{kind}": left_globally}
        if "/sandboxcustomimages" in path or "/operationresults/" in path:
            return {f"{_PREFIX}-resource-requests": left}
        return {f"{_PREFIX}-{kind}": left}
