"""Requests to Azure Resource Manager that are repeated until there is a usable response."""

from __future__ import annotations

from kusto_magic.arm import service_errors
from kusto_magic.arm.response import ArmResponse
from kusto_magic.arm.transport import ArmTransport
from kusto_magic.errors import Unreachable

MAX_ATTEMPTS = 6
"""Maximum attempts for an idempotent request that starts an operation and receives no usable response."""

MAX_READ_ATTEMPTS = 3
"""Maximum attempts for a read request, since a user may be waiting for its response."""


class ArmRequests:
    """Sends requests through one transport and repeats those that receive no usable response."""

    def __init__(self, transport: ArmTransport) -> None:
        self._transport = transport

    async def request(
        self, method: str, url: str, body: bytes | None = None, *, background: bool = False
    ) -> ArmResponse:
        """Send a request that only reads; return the first usable response. Raises Unreachable.

        `background`: no user is waiting for this response.
        """
        response, _ = await self.send(method, url, body, attempts=MAX_READ_ATTEMPTS, background=background)
        return response

    async def send(
        self, method: str, url: str, body: bytes | None, *, background: bool, attempts: int = MAX_ATTEMPTS
    ) -> tuple[ArmResponse, bool]:
        """Return the first usable response, and whether an earlier attempt may have reached the service too.

        Raises Unreachable, whose `may_have_arrived` covers all attempts.
        """
        repeated = arrived = False
        for attempt in range(attempts - 1):  # the last attempt is below: no wait follows it
            wait: float | None = None
            try:
                response = await self._transport.send(method, url, body, background=background)
            except Unreachable as error:
                repeated, arrived = True, arrived or error.may_have_arrived
            else:
                if not (response.status in (408, 429) or response.status >= 500):
                    return response, repeated
                wait = response.retry_after()
                # A 429 is refused before it reaches the service, so it cannot have started an operation.
                repeated, arrived = repeated or response.status != 429, arrived or response.status != 429
            await self._transport.clock.sleep(2.0**attempt if wait is None else wait)
        try:
            return await self._transport.send(method, url, body, background=background), repeated
        except Unreachable as error:
            error.may_have_arrived = error.may_have_arrived or arrived
            raise


def require_ok(response: ArmResponse, what: str) -> ArmResponse:
    """Return the response if its status is 200. Raises ServiceError, described by `what`."""
    if response.status != 200:
        raise service_errors.error_from_response(response, what)
    return response
