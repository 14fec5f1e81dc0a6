"""The request that starts an operation: it is repeated, its silence is reported, and it ends at a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from kusto_magic.arm import operation_start, service_errors
from kusto_magic.arm.operation import Operation
from kusto_magic.arm.poller import duration_text
from kusto_magic.arm.requests import ArmRequests
from kusto_magic.errors import ServiceError, UnreachableError
from kusto_magic.hints import Hint, HintKind

NOTICE_INTERVAL = 10.0
"""Seconds without a response after which the operation says so, and between two such notes."""


async def submit(
    requests: ArmRequests,
    sent: Operation,
    method: str,
    url: str,
    body: bytes | None,
    *,
    timeout: float,
    notice_interval: float = NOTICE_INTERVAL,
) -> AsyncGenerator[Operation, None]:
    """Send the request of `sent`; yield `sent` with a note while there is no response, then the started operation.

    Times are in seconds. Raises ServiceError if the request is refused, UnreachableError if there is no usable response
    within `timeout`; both carry the operation if it may have been started.
    """
    task = asyncio.ensure_future(_start(requests, sent, method, url, body, timeout))
    waited = 0.0
    try:
        while not (await asyncio.wait({task}, timeout=min(notice_interval, timeout - waited)))[0]:
            waited += notice_interval
            if waited >= timeout:  # also if the request still waits for the rate limit
                what = f"there was no response to the {sent.action} request within {duration_text(timeout)}"
                raise _with_possible_operation(sent, UnreachableError(what, hint=Hint(HintKind.RETRY)))
            yield replace(sent, note="; ".join(filter(None, (sent.note, f"no response yet for {waited:.0f} s"))))
        yield task.result()
    finally:
        task.cancel()  # after an interrupt, not one more attempt
        await asyncio.wait({task})


async def _start(
    requests: ArmRequests, sent: Operation, method: str, url: str, body: bytes | None, timeout: float
) -> Operation:
    """Send the request; repeat it while there is no usable response."""
    try:
        response, repeated = await requests.send(method, url, body, background=True, limit=timeout)
    except UnreachableError as error:
        raise _with_possible_operation(sent, error) from None
    if repeated and service_errors.may_be_own_request(response):
        return operation_start.adopt_existing(sent, response.fault())
    try:
        operation = operation_start.start_operation(sent, response, repeated=repeated)
    except ServiceError as error:
        if response.status >= 500 or response.status == 408:  # a gateway may say so while the service works
            raise _with_possible_operation(sent, error) from None
        raise
    return replace(operation, note=operation.note or ("the request was sent again" if repeated else ""))


def _with_possible_operation(
    sent: Operation, error: UnreachableError | ServiceError
) -> UnreachableError | ServiceError:
    """Attach the possibly started operation to the error, so that it can be resumed."""
    if isinstance(error, ServiceError) or error.may_have_arrived:
        error.operation = operation_start.adopt_existing(sent)
        error.hint = Hint(HintKind.CHECK_ARRIVAL, sent.name, then=error.hint or Hint(HintKind.RETRY))
    return error
