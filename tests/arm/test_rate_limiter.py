"""The rate limiter of a subscription: delays, and what all requests learn from one response."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from support.arm_responses import error_response, make_response
from support.clock import MovableClock

from kusto_magic.arm.rate_limiter import LIMITS, RateLimiter, RequestKind, TokenBucket, request_kind
from kusto_magic.arm.response import ArmResponse

REMAINING = "x-ms-ratelimit-remaining-subscription-resource-requests"


def with_remaining(remaining: str, header: str = REMAINING) -> ArmResponse:
    return make_response({}, headers={header: remaining})


def throttled(seconds: str) -> ArmResponse:
    return error_response(429, headers={"retry-after": seconds})


async def send_requests(
    limiter: RateLimiter, number: int, kind: RequestKind = "reads", *, background: bool = True
) -> None:
    for _ in range(number):
        async with limiter.acquire(kind, background=background):
            pass


@pytest.mark.parametrize(
    ("method", "kind"),
    [("GET", "reads"), ("PUT", "writes"), ("PATCH", "writes"), ("POST", "writes"), ("DELETE", "deletes")],
)
def test_each_method_counts_against_its_bucket(method: str, kind: str) -> None:
    assert request_kind(method) == kind


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", list(LIMITS))
async def test_full_bucket_allows_a_burst_and_then_the_refill_rate(kind: RequestKind) -> None:
    clock, (size, rate) = MovableClock(), LIMITS[kind]
    limiter = RateLimiter(clock)
    await send_requests(limiter, int(size), kind, background=False)
    assert clock.passed == 0
    await send_requests(limiter, 100, kind, background=False)
    assert clock.passed == pytest.approx(100 / rate)


@pytest.mark.asyncio
async def test_background_requests_leave_a_share_for_interactive_ones() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    await send_requests(limiter, 200)
    assert clock.passed == 0
    await send_requests(limiter, 40)
    waited = clock.passed
    assert waited == pytest.approx(40 / 20)
    await send_requests(limiter, 10, background=False)
    assert clock.passed == waited


@pytest.mark.asyncio
async def test_concurrent_requests_are_sent_in_order() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    await send_requests(limiter, 200)
    sent: list[float] = []

    async def send_one() -> None:
        async with limiter.acquire("reads", background=True):
            sent.append(clock.passed)

    await asyncio.gather(*(send_one() for _ in range(20)))
    assert len(sent) == 20
    assert sent == sorted(sent)


@pytest.mark.asyncio
async def test_other_kinds_are_not_delayed() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    await send_requests(limiter, 200, "writes")
    await send_requests(limiter, 200, "reads")
    await send_requests(limiter, 160, "deletes")
    assert clock.passed == pytest.approx(40 / 8)  # only the writes had to wait


@pytest.mark.asyncio
async def test_remaining_header_takes_precedence() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    limiter.update("reads", with_remaining("1000"))
    await send_requests(limiter, 800)
    assert clock.passed == 0
    limiter.update("reads", with_remaining("5"))
    await send_requests(limiter, 4)
    assert clock.passed == 0
    await send_requests(limiter, 1)
    assert clock.passed > 0


@pytest.mark.asyncio
@pytest.mark.parametrize("value", ["", "-1", "many", "1e9", "99999999999999999999", "١٢"])
async def test_malformed_remaining_header_is_ignored(value: str) -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    limiter.update("reads", with_remaining(value))
    await send_requests(limiter, 200)
    assert clock.passed == 0


@pytest.mark.asyncio
async def test_smallest_remaining_header_applies() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    both = {REMAINING: "700", "x-ms-ratelimit-remaining-subscription-global-reads": "10"}
    limiter.update("reads", make_response({}, headers=both))
    await send_requests(limiter, 8)
    assert clock.passed == 0
    await send_requests(limiter, 1)
    assert clock.passed > 0


@pytest.mark.asyncio
async def test_429_delays_all_requests_of_its_kind() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    limiter.update("reads", throttled("17"))
    await send_requests(limiter, 1)
    assert clock.passed == 17
    await send_requests(limiter, 20)
    assert clock.passed == pytest.approx(17 + 20 / 20)
    await send_requests(limiter, 1, "writes")  # the 429 was for reads
    assert clock.passed == pytest.approx(17 + 20 / 20)


def test_429_delays_queued_requests_again() -> None:
    bucket = TokenBucket(size=1, per_second=10, now=0)
    assert bucket.take(0) == 0
    assert bucket.take(0) == pytest.approx(0.1)
    bucket.pause(5, now=0.05)
    assert bucket.take(0.1) == pytest.approx(4.95)
    assert bucket.take(0.1) == pytest.approx(4.95 + 0.1)


@pytest.mark.asyncio
async def test_429_lets_no_queued_request_through_early() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    await send_requests(limiter, 200)

    async def send_one() -> float:
        async with limiter.acquire("reads", background=True):
            return clock.passed

    waiting = [asyncio.ensure_future(send_one()) for _ in range(10)]
    await asyncio.sleep(0)
    throttled_at = clock.passed
    limiter.update("reads", throttled("30"))
    sent = await asyncio.gather(*waiting)
    assert min(sent) >= throttled_at + 30


@pytest.mark.asyncio
async def test_requests_in_flight_are_not_counted_as_remaining() -> None:
    clock = MovableClock()
    limiter = RateLimiter(clock)
    async with AsyncExitStack() as in_flight:
        for _ in range(8):
            await in_flight.enter_async_context(limiter.acquire("reads", background=False))
        limiter.update("reads", with_remaining("10"))  # the response to one of eight: seven are not counted yet
        await send_requests(limiter, 3, background=False)
        assert clock.passed == 0
        await send_requests(limiter, 1, background=False)
        assert clock.passed > 0
