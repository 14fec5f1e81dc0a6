"""Requests to Azure Resource Manager that are repeated until there is a usable response."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from kusto_magic.arm import service_errors
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.transport import REQUEST_TIMEOUT, ArmTransport
from kusto_magic.errors import UnreachableError
from kusto_magic.hints import Hint, HintKind

MAX_ATTEMPTS = 6
"""Maximum attempts for an idempotent request that starts an operation and receives no usable response."""

MAX_READ_ATTEMPTS = 3
"""Maximum attempts for a read request, since a user may be waiting for its response."""

READ_TIMEOUT = 60.0
"""Seconds within which a read request that a user is waiting for must succeed, with all of its attempts."""

BACKGROUND_READ_TIMEOUT = 600.0
"""As `READ_TIMEOUT`, for reads in the background, which queue behind those of other clusters."""

READ_ATTEMPT_TIMEOUT = 30.0
"""Seconds for one attempt of a read, so that there is time for another one if a connection has died silently."""


class ArmRequests:
    """Sends requests through one transport and repeats those that receive no usable response."""

    def __init__(self, transport: ArmTransport) -> None:
        self._transport = transport

    async def request(
        self, method: str, url: str, body: bytes | None = None, *, background: bool = False
    ) -> ArmResponse:
        """Send a request that only reads; return the first usable response, or the last one within the time limit.

        `background`: no user is waiting for this response. Raises UnreachableError.
        """
        limit = BACKGROUND_READ_TIMEOUT if background else READ_TIMEOUT
        try:
            async with asyncio.timeout(limit):  # also ends a wait for the rate limit
                response, _ = await self.send(
                    method,
                    url,
                    body,
                    background=background,
                    limit=limit,
                    attempts=MAX_READ_ATTEMPTS,
                    attempt_timeout=READ_ATTEMPT_TIMEOUT,
                )
                return response
        except TimeoutError:
            what = f"there was no usable response within {limit:.0f} seconds"
            raise UnreachableError(what, hint=Hint(HintKind.CHECK_NETWORK)) from None

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        background: bool,
        limit: float,
        attempts: int = MAX_ATTEMPTS,
        attempt_timeout: float = REQUEST_TIMEOUT,
    ) -> tuple[ArmResponse, bool]:
        """Return the first usable response, and whether an earlier attempt may have reached the service too.

        No attempt starts later than `limit` seconds from now. Raises UnreachableError, whose `may_have_arrived` covers
        all attempts.
        """
        clock = self._transport.clock
        end, failed = clock.monotonic() + limit, _FailedAttempts()
        while True:
            timeout = min(attempt_timeout, end - clock.monotonic())
            outcome = await self._attempt(method, url, body, background=background, timeout=timeout)
            wait = failed.wait_after(outcome)
            if wait is None or failed.count + 1 >= attempts or clock.monotonic() + wait >= end:
                return failed.result(outcome)
            failed.add(outcome)
            await clock.sleep(wait)

    async def _attempt(
        self, method: str, url: str, body: bytes | None, *, background: bool, timeout: float
    ) -> ArmResponse | UnreachableError:
        try:
            return await self._transport.send(method, url, body, background=background, timeout=timeout)
        except UnreachableError as error:
            return error


@dataclass(slots=True)
class _FailedAttempts:
    """The attempts of one request that had no usable response.

    `unresolvable` counts the last ones that failed for a reason that a retry hardly changes.
    """

    count: int = 0
    unresolvable: int = 0
    repeated: bool = False
    may_have_arrived: bool = False

    def wait_after(self, outcome: ArmResponse | UnreachableError) -> float | None:
        """Return the seconds to wait before another attempt; None if there should be none."""
        backoff = 2.0**self.count
        if isinstance(outcome, ArmResponse):
            wait = outcome.retry_after()
            return None if not _is_transient(outcome) else backoff if wait is None else wait
        # Once a request may have arrived, its response is worth the full patience.
        limit = None if self.may_have_arrived else outcome.max_retries
        return backoff if limit is None or self.unresolvable < limit else None

    def add(self, outcome: ArmResponse | UnreachableError) -> None:
        """Count a failed attempt."""
        self.count += 1
        if isinstance(outcome, ArmResponse):
            # A 429 is refused before it reaches the service, so it cannot have started an operation.
            arrived, self.unresolvable = outcome.status != 429, 0
        else:
            arrived = outcome.may_have_arrived
            self.unresolvable = 0 if outcome.max_retries is None else self.unresolvable + 1
        self.repeated = self.repeated or isinstance(outcome, UnreachableError) or arrived
        self.may_have_arrived = self.may_have_arrived or arrived

    def result(self, outcome: ArmResponse | UnreachableError) -> tuple[ArmResponse, bool]:
        """Return the last response and whether an earlier attempt may have arrived. Raises UnreachableError."""
        if isinstance(outcome, ArmResponse):
            return outcome, self.repeated
        outcome.may_have_arrived = outcome.may_have_arrived or self.may_have_arrived
        raise outcome


def _is_transient(response: ArmResponse) -> bool:
    """Return whether another attempt may help: the service or a gateway is overloaded, or a gateway sent a page."""
    names_operation = any(response.headers.get(name) for name in ("azure-asyncoperation", "location"))
    is_page = 200 <= response.status < 300 and response.is_page and not names_operation
    return response.status in (408, 429) or response.status >= 500 or is_page


def require_ok(response: ArmResponse, what: str) -> ArmResponse:
    """Return the response if its status is 200. Raises ServiceError, described by `what`."""
    if response.status != 200:
        raise service_errors.error_from_response(response, what)
    return response
