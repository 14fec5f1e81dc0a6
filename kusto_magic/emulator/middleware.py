"""The headers that Resource Manager adds to every response: request IDs and rate limits."""

from __future__ import annotations

import hashlib
import math
import re
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
"""Ratio of a subscription's limit to that of one principal (documentation of 2024)."""

_COUNTED_BY_PROVIDER = re.compile(
    r"/subscriptions/[^/]+(/resourcegroups/[^/]+)?/providers/microsoft\.kusto/"
    r"(clusters(/[^/]+(/sandboxcustomimages(/[^/]+)?)?)?|locations/[^/]+/operationresults/[^/]+)"
)
"""Paths of GET, PUT and PATCH with the rate limit of the resource provider in their header (OBSERVED)."""


def is_data_plane(path: str) -> bool:
    """Return whether a path belongs to the data plane of a cluster instead of Resource Manager."""
    return path.lower().startswith(("/clusters/", "/v1/"))


class RequestIds:
    """ASGI middleware that adds x-ms-request-id and related headers, as observed.

    `request.state` has `correlation`, the correlation ID of Resource Manager or the activity ID of the data plane,
    `client_request`, the ID that the client has given or else a new one, and `moment`, the time of the request.
    """

    def __init__(self, app: ASGIApp, config: EmulatorConfig, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._region = config.region.replace(" ", "")
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the IDs to the response."""
        if scope["type"] != "http":  # lifespan events have no headers
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation, moment = str(uuid.uuid4()), self._clock()
        client_request = headers.get("x-ms-client-request-id") or f"unspecified;{uuid.uuid4()}"
        scope.setdefault("state", {}).update(correlation=correlation, client_request=client_request, moment=moment)
        if is_data_plane(scope["path"]):
            # DOCUMENTED: both headers are in every response, the first also if the request had none.
            ids = {"x-ms-client-request-id": client_request, "x-ms-activity-id": correlation}
        else:
            ids = self._arm_ids(scope, headers, correlation, moment)
        ids |= {"cache-control": "no-cache", "x-content-type-options": "nosniff"}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ids)
            await send(message)

        await self._app(scope, receive, answer)

    def _arm_ids(self, scope: Scope, headers: Headers, correlation: str, moment: datetime) -> dict[str, str]:
        ids = {
            "x-ms-request-id": str(uuid.uuid4()),
            "x-ms-correlation-request-id": correlation,
            "x-ms-routing-request-id": f"{self._region.upper()}:{moment:%Y%m%dT%H%M%SZ}:{correlation}",
        }
        if headers.get("x-ms-return-client-request-id") == "true" and "x-ms-client-request-id" in headers:
            ids["x-ms-client-request-id"] = headers["x-ms-client-request-id"]
        if _has_identifier(scope["method"], scope["path"].lower()):
            ids["x-ms-operation-identifier"] = f"{_CALLER}/{self._region.lower()}/{uuid.uuid4()}"
        return ids


def _has_identifier(method: str, path: str) -> bool:
    """Return whether a response has the header x-ms-operation-identifier.

    OBSERVED on PUT 201, on POST and on both kinds of polls, and not on GET of a cluster. On other changes it is the
    emulator's own choice.
    """
    return path.startswith("/subscriptions/") and (method != "GET" or "/operationresults/" in path)


def _uuid_of(purpose: str) -> str:
    digits = hashlib.sha256(f"kusto_magic emulator {purpose}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


_CALLER = f"tenantId={_uuid_of('tenant')},objectId={_uuid_of('object')}"

PRINCIPAL = f"aaduser={_uuid_of('object')};{_uuid_of('tenant')}"
"""The caller, as the data plane names a user."""


@dataclass
class Bucket:
    """A token bucket of `size` requests, refilled by `per_second`; `left` is the level at the time `at`."""

    size: float
    per_second: float
    left: float
    at: datetime

    def take(self, now: datetime) -> bool:
        """Take one token; return False if the bucket is empty."""
        gained = max(0.0, (now - self.at).total_seconds()) * self.per_second
        self.left, self.at = min(self.size, self.left + gained), now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    @property
    def retry_after(self) -> int:
        """Whole seconds until the next token is available."""
        return max(1, math.ceil((1 - self.left) / self.per_second))  # 0 would invite a retry at once


class RateLimits:
    """ASGI middleware with token buckets for reads, writes and deletes; 429 with Retry-After if one is empty.

    `throttled` counts the 429 responses by bucket. The text of the 429 is the emulator's own: none was observed.
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
        """Count the request and add the number of remaining requests to the response."""
        # Resource Graph has a quota of its own.
        if scope["type"] != "http" or not scope["path"].lower().startswith("/subscriptions/"):
            await self._app(scope, receive, send)
            return
        kind = {"GET": "reads", "DELETE": "deletes"}.get(scope["method"], "writes")
        now = self._clock()
        self._global[kind].take(now)  # counted for its header only; the principal's bucket is empty long before
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
        """Return the headers that the service sends for this kind of request (OBSERVED per kind)."""
        left, left_globally = str(int(self._buckets[kind].left)), str(int(self._global[kind].left))
        if method in {"POST", "DELETE"}:
            return {f"{_PREFIX}-{kind}": left, f"{_PREFIX}-global-{kind}": left_globally}
        if _COUNTED_BY_PROVIDER.fullmatch(path):
            return {f"{_PREFIX}-resource-requests": left}
        return {f"{_PREFIX}-{kind}": left, f"{_PREFIX}-global-{kind}": left_globally}
